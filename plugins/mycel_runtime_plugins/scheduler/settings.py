"""The table `[plugins.scheduler]`."""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import TYPE_CHECKING, Annotated, Literal, Self, TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from mycel_runtime import Plugin, PluginError
from mycel_runtime_plugins.scheduler.template import Template

if TYPE_CHECKING:
    from collections.abc import Callable

Id: TypeAlias = Annotated[str, StringConstraints(pattern=r"^\S+$")]


class Every(BaseModel):
    """`every = { hours = 6 }`: the sum of its parts, 1 second to 366 days."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    days: float = 0.0
    hours: float = 0.0
    minutes: float = 0.0
    seconds: float = 0.0

    @model_validator(mode="after")
    def _require_interval(self) -> Self:
        _require_declarable(lambda plugin: plugin.every(**self.model_dump()))
        return self


class Post(BaseModel):
    """
    `[[plugins.scheduler.posts]]`.

    Attributes:
        text: With words in braces.
        cron: When, by the clock of `timezone`.
        every: Or how often.
        timezone: Whose clock; an IANA name.
        chat: Where.
        user: Or to whom, in the direct chat.
        name: In logs, and what the post is known by over restarts.
        catch_up: What a downtime has missed is said once when it is over.
        on_conflict: When others speak in the chat meanwhile: wait until that was shown to all handlers, or drop it.
        mentions: User ids.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    text: str
    cron: str | None = None
    every: Every | None = None
    timezone: str = "UTC"
    chat: Id | None = None
    user: Id | None = None
    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,63}$")] | None = None
    catch_up: bool = True
    on_conflict: Literal["wait", "drop"] = "wait"
    mentions: tuple[Id, ...] = ()

    @field_validator("text")
    @classmethod
    def _require_text(cls, text: str) -> str:
        if not text.strip():
            raise ValueError("is blank")
        Template(text)
        return text

    @field_validator("timezone")
    @classmethod
    def _require_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f'no time zone {name!r} is known here; for example "Europe/Berlin"') from None
        return name

    @field_validator("cron")
    @classmethod
    def _require_times(cls, expression: str | None) -> str | None:
        if expression is not None:
            _require_declarable(lambda plugin: plugin.cron(expression, timezone="UTC"))
        return expression

    @model_validator(mode="after")
    def _require_one_of_each(self) -> Self:
        if (self.cron is None) is (self.every is None):
            raise ValueError('needs either cron, for example "0 9 * * mon-fri", or every')
        if (self.chat is None) is (self.user is None):
            raise ValueError("needs either chat, a chat id, or user, a user id")
        return self

    @property
    def known_as(self) -> str:
        """The name, else one made of when and where: the order of the table is nothing to go by."""
        if self.name is not None:
            return self.name
        place = f"{self.cron} {self.every} {self.timezone} {self.chat} {self.user}"
        return f"post_{hashlib.sha256(place.encode()).hexdigest()[:8]}"


class SchedulerSettings(BaseModel):
    """`[plugins.scheduler]`; `config/plugins/scheduler.toml` tells what each key is for."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    weekdays: tuple[str, ...] = Field(
        default=("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
        min_length=7,
        max_length=7,
    )
    months: tuple[str, ...] = Field(
        default=(
            "January",
            "February",
            "March",
            "April",
            "May",
            "June",
            "July",
            "August",
            "September",
            "October",
            "November",
            "December",
        ),
        min_length=12,
        max_length=12,
    )
    posts: tuple[Post, ...] = ()

    @model_validator(mode="after")
    def _require_names(self) -> Self:
        for name, times in Counter(post.known_as for post in self.posts).items():
            if times > 1:
                raise ValueError(f"{times} posts are known as {name!r}: give each a name of its own")
        return self


def _require_declarable(declare: Callable[[Plugin], object]) -> None:
    """By the runtime's own rules for schedules, on a plugin that is thrown away."""
    try:
        declare(Plugin("scheduler"))
    except PluginError as exc:
        raise ValueError(exc.problem.removeprefix("plugin 'scheduler': ")) from None
