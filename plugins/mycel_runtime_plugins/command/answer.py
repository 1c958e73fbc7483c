"""
What a program has answered: nothing, a text, or lines of JSON that say what is to be done. Pure.

All of it is read before any of it is done, so that a program that fails in the middle of its output has done nothing.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, Self, TypeAlias

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from mycel_runtime import split_text

if TYPE_CHECKING:
    from collections.abc import Sequence


class AnswerError(ValueError):
    """The output is not what was asked for; the text says why, without quoting it."""


Text: TypeAlias = Annotated[str, StringConstraints(pattern=r"\S")]


class _Line(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Reply(_Line):
    """Said in the chat, in pieces if it is long."""

    reply: Text
    mentions: list[str] = []


class Say(_Line):
    """Said in another chat, or to somebody."""

    say: Text
    chat: str = ""
    user: str = ""

    @model_validator(mode="after")
    def _require_one_place(self) -> Self:
        if bool(self.chat) == bool(self.user):
            raise ValueError("one of chat and user")
        return self


class Remember(_Line):
    """Given to the program again, as `state`, with the next delivery of the chat."""

    state: Any


class Decide(_Line):
    """Of a request for a relationship that is open."""

    decide: Literal["approve", "reject"]
    why: str = Field(default="", max_length=200)


Action: TypeAlias = Reply | Say | Remember | Decide

_ACTION: Final[TypeAdapter[Action]] = TypeAdapter(Action)

_KEYS: Final = ("reply", "say", "state", "decide")


def text_of(output: bytes) -> str:
    """
    The output as text.

    Raises:
        AnswerError: It is not UTF-8, or holds what no chat can.
    """
    try:
        text = output.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        raise AnswerError(f"output that is no UTF-8, at byte {exc.start}") from None
    if "\0" in text:
        raise AnswerError("output with a NUL")
    return text.replace("\r\n", "\n")


def text_actions(text: str, *, characters: int) -> list[Action]:
    """A text is said, in pieces of so many characters at most; a blank one is not."""
    return [Reply(reply=piece) for piece in split_text(text, characters)]


def line_actions(text: str, *, characters: int) -> list[Action]:
    """
    What lines of JSON say; blank lines are passed over.

    Raises:
        AnswerError: A line is no such object.
    """
    actions: list[Action] = []
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            actions += _in_pieces(_action(line, number), characters)
    return actions


def require_deeds_of_relationship(actions: Sequence[Action], *, is_open: bool) -> None:
    """
    Return if all of them can be done for a relationship: there is no chat to reply in, or to remember for.

    Args:
        actions: What the program wants.
        is_open: Whether there is a request that waits for a decision.

    Raises:
        AnswerError: One cannot.
    """
    if any(isinstance(action, Reply | Remember) for action in actions):
        raise AnswerError("output with a reply or a state: only messages have a chat for them, say names one")
    decisions = sum(isinstance(action, Decide) for action in actions)
    if decisions > 1:
        raise AnswerError("output with more than one decision")
    if decisions and not is_open:
        raise AnswerError("output with a decision: there is no request that waits for one")


def require_deeds_of_messages(actions: Sequence[Action]) -> None:
    """
    As `require_deeds_of_relationship`, for messages.

    Raises:
        AnswerError: There is a decision among them.
    """
    if any(isinstance(action, Decide) for action in actions):
        raise AnswerError("output with a decision: messages ask for none")


def _action(line: str, number: int) -> Action:
    try:
        return _ACTION.validate_python(json.loads(line))
    except ValidationError as exc:
        known = ", ".join(_KEYS)
        raise AnswerError(
            f"line {number} of the output is none of {known} ({exc.error_count()} mistakes)"
        ) from None
    except (ValueError, RecursionError):
        raise AnswerError(f"line {number} of the output is no JSON") from None


def _in_pieces(action: Action, characters: int) -> list[Action]:
    match action:
        case Reply(reply=text, mentions=mentions):
            return [Reply(reply=piece, mentions=mentions) for piece in split_text(text, characters)]
        case Say(say=text, chat=chat, user=user):
            return [Say(say=piece, chat=chat, user=user) for piece in split_text(text, characters)]
        case _:
            return [action]
