"""What an endpoint may answer: replies and deeds, and nothing that is not known; long texts in pieces. Pure."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self, TypeAlias

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from mycel_runtime import split_text

Text: TypeAlias = Annotated[str, StringConstraints(pattern=r"\S")]


class AnswerError(ValueError):
    """An answer that is none; says where, and quotes nothing of it."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)


def _as_reply(value: Any) -> Any:
    return {"text": value} if isinstance(value, str) else value


class Reply(_Part):
    """What is said in the chat of the messages: a text, or with mentions."""

    text: Text = Field(repr=False)
    mentions: list[str] = []


class Approve(_Part):
    """Grant the request that was delivered."""

    do: Literal["approve"]


class Turn(_Part):
    """Do not grant it."""

    do: Literal["reject"]
    why: str = Field(default="", max_length=200)


class Say(_Part):
    """Say something in another chat, or to somebody."""

    do: Literal["say"]
    text: Text = Field(repr=False)
    chat: str | None = None
    user: str | None = None
    mentions: list[str] = []

    @model_validator(mode="after")
    def _require_place(self) -> Self:
        if (self.chat is None) is (self.user is None):
            raise ValueError("needs either chat or user")
        return self


Deed: TypeAlias = Annotated[Approve | Turn | Say, Field(discriminator="do")]


class Answer(_Part):
    """The whole of it."""

    replies: list[Annotated[Reply, BeforeValidator(_as_reply)]] = []
    deeds: list[Deed] = []


NOTHING = Answer()

_READ: TypeAdapter[Answer] = TypeAdapter(Answer)


def answer_of(content: bytes, *, most: int, characters: int, is_request: bool, has_chat: bool) -> Answer:
    """
    A checked answer. The same content is the same pieces: the n-th reply stays the n-th.

    Args:
        content: JSON; empty or blank: there is nothing to do.
        most: Replies and deeds together, each piece of a long text counted.
        characters: Of a piece.
        is_request: Whether there is something to approve or reject.
        has_chat: Whether there is a chat to reply in.

    Raises:
        AnswerError: It is no JSON, has an unknown key, or asks for what is not there.
    """
    if not content.strip():
        return NOTHING
    try:
        answer = _in_pieces(_READ.validate_json(content), characters)
    except ValidationError as exc:
        raise AnswerError(_said(exc)) from None
    if len(answer.replies) + len(answer.deeds) > most:
        raise AnswerError(f"more than {most} replies and deeds, or pieces of them (most_replies)")
    if answer.replies and not has_chat:
        raise AnswerError("replies: only messages can be replied to; a deed can say something")
    decisions = sum(not isinstance(deed, Say) for deed in answer.deeds)
    if decisions and not is_request:
        raise AnswerError("deeds: there is no request that waits to be approved or rejected")
    if decisions > 1:
        raise AnswerError("deeds: a request is decided once")
    return answer


def _in_pieces(answer: Answer, characters: int) -> Answer:
    replies = [
        reply.model_copy(update={"text": piece})
        for reply in answer.replies
        for piece in split_text(reply.text, characters)
    ]
    deeds: list[Deed] = []
    for deed in answer.deeds:
        if isinstance(deed, Say):
            deeds += [deed.model_copy(update={"text": piece}) for piece in split_text(deed.text, characters)]
        else:
            deeds.append(deed)
    return Answer(replies=replies, deeds=deeds)


def _said(exc: ValidationError) -> str:
    """The first mistake; keys are the endpoint's own, values stay out."""
    error = exc.errors(include_url=False, include_input=False, include_context=False)[0]
    place = ".".join(str(part) for part in error["loc"] if part not in ("approve", "reject", "say"))
    what = "unknown key" if error["type"] == "extra_forbidden" else error["msg"]
    return f"{place[:100]}: {what[:200]}" if place else what[:200]
