"""The table `[plugins.gatekeeper]`."""

from __future__ import annotations

from typing import Annotated, Literal, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from mycel_runtime import ContentPattern

Kind: TypeAlias = Literal["relationship", "join_request"]

Way: TypeAlias = Literal["allow", "deny", "ask", "leave"]
"""What becomes of a request."""

UserId: TypeAlias = Annotated[str, StringConstraints(pattern=r"^\S+$")]

Phrase: TypeAlias = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


class Rule(BaseModel):
    """
    `[[plugins.gatekeeper.rules]]`: what becomes of the requests that meet all of its conditions; without one, of all.

    Attributes:
        then: What becomes of them.
        kind: Only these; `None`: both.
        users: One of these asks.
        names: Somebody with one of these display names asks.
        message: Found in what is written with the request.
        chats: It is asked to be let into one of these groups.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    then: Way
    kind: Kind | None = None
    users: tuple[UserId, ...] | None = None
    names: tuple[Phrase, ...] | None = None
    message: ContentPattern | None = None
    chats: tuple[str, ...] | None = None


class GatekeeperSettings(BaseModel):
    """`[plugins.gatekeeper]`; `config/plugins/gatekeeper.toml` tells what each key is for."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    relationships: Way = "deny"
    join_requests: Way = "deny"
    ask_user: UserId | None = None
    ask_chat: UserId | None = None
    ask_timeout: float = Field(default=86_400.0, ge=1.0, le=366 * 86_400.0)
    ask_times: int = Field(default=2, ge=1, le=10)
    on_timeout: Literal["allow", "deny", "leave"] = "deny"
    most_questions: int = Field(default=20, ge=1, le=200)
    yes: tuple[Phrase, ...] = Field(default=("yes", "y", "ok", "allow"), min_length=1)
    no: tuple[Phrase, ...] = Field(default=("no", "n", "deny"), min_length=1)
    rules: tuple[Rule, ...] = ()

    @model_validator(mode="after")
    def _require_whom(self) -> Self:
        ways = {self.relationships, self.join_requests, *(rule.then for rule in self.rules)}
        if "ask" in ways and self.ask_user is None:
            raise ValueError('"ask" needs to know whom: set ask_user to a user id')
        if self.ask_chat is not None and self.ask_user is None:
            raise ValueError("ask_chat needs to know whose answer counts: set ask_user to a user id")
        return self

    @model_validator(mode="after")
    def _require_clear_words(self) -> Self:
        if both := {word.casefold() for word in self.yes} & {word.casefold() for word in self.no}:
            raise ValueError(f"{min(both)!r} would mean yes and no")
        return self
