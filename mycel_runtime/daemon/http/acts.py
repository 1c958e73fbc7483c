"""What may be changed from the page: a few of the operator's verbs, each with the arguments that it takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from mycel_runtime.daemon.http.short_id import short_id

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection

    from mycel_runtime.daemon.admin import Admin

_Name = Annotated[str, Field(min_length=1, max_length=200)]


class _Arguments(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class OfLetter(_Arguments):
    """Of `retry` and `drop`."""

    dead_letter_id: Annotated[int, Field(ge=0, lt=2**63)]


class OfSend(_Arguments):
    """Of `settle`."""

    send: _Name
    is_sent: bool


class OfPause(_Arguments):
    """Of `pause` and `resume`; a chat is named as the page shows it, the agent is not."""

    kind: Literal["agent", "chat", "plugin"]
    name: Annotated[str, Field(max_length=200)] = ""


async def _retry(admin: Admin, wanted: OfLetter, _chats: Collection[str]) -> bool:
    return await admin.retry(wanted.dead_letter_id)


async def _drop(admin: Admin, wanted: OfLetter, _chats: Collection[str]) -> bool:
    return await admin.drop(wanted.dead_letter_id)


async def _settle(admin: Admin, wanted: OfSend, _chats: Collection[str]) -> bool:
    return await admin.settle(wanted.send, is_sent=wanted.is_sent)


async def _pause(admin: Admin, wanted: OfPause, chats: Collection[str]) -> bool:
    if (name := _whole_name(wanted, chats)) is None:
        return False
    return bool((await admin.pause(wanted.kind, name))["paused"] == "begun")


async def _resume(admin: Admin, wanted: OfPause, chats: Collection[str]) -> bool:
    if (name := _whole_name(wanted, chats)) is None:
        return False
    return bool(await admin.resume(name, "" if wanted.kind == "agent" else wanted.kind))


def _whole_name(wanted: OfPause, chats: Collection[str]) -> str | None:
    """`None`: no chat is shown so, or several are."""
    if wanted.kind == "agent":
        return ""
    if wanted.kind == "plugin":
        return wanted.name or None
    found = [chat_id for chat_id in chats if short_id(chat_id) == wanted.name]
    return found[0] if len(found) == 1 else None


ACTS: Final[dict[str, tuple[type[_Arguments], Callable[[Admin, Any, Collection[str]], Awaitable[bool]]]]] = {
    "retry": (OfLetter, _retry),
    "drop": (OfLetter, _drop),
    "settle": (OfSend, _settle),
    "pause": (OfPause, _pause),
    "resume": (OfPause, _resume),
}
"""By verb: its arguments, and how it is done, given the chats that the page shows; false: nothing was to be done."""
