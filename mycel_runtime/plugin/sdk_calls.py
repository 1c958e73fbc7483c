"""
Carries out the calls of `ctx.sdk`, with the runtime's own client and the runtime's promises.

What it is made of is in a closure and in no attribute, so that nothing that a handler is given leads to the token.
That keeps it out of logs, copies and error reports; a plugin that is not trusted belongs into a process of its own,
where it is not.
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any, Final, Protocol

from mycel_runtime.errors import GuardedCallError
from mycel_runtime.plugin.sdk_table import PASSING, READING, SEND, require_allowed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from mycel_runtime.journal.shown_run import ShownRun
    from mycel_runtime.plugin.port import StoredReply
    from mycel_runtime.sdk import AsyncClient
    from mycel_runtime.wire.ids import ChatId, UserId
    from mycel_runtime.wire.resources import Message


SAY: Final = "Have it said when what is due there is done: ctx.say(chat_id, text)."
"""In the place of a send to another chat."""


class _CallSdk(Protocol):
    async def __call__(self, name: str, arguments: Sequence[Any], options: Mapping[str, Any]) -> Any:
        """As `SdkCalls.call_sdk`."""


class SdkCalls:
    """
    The `SdkPort` of one run; `sdk_calls` makes it.

    Args:
        call_sdk: Does the work.
    """

    __slots__ = ("_call_sdk",)

    def __init__(self, call_sdk: _CallSdk) -> None:
        self._call_sdk = call_sdk

    async def call_sdk(self, name: str, arguments: Sequence[Any], options: Mapping[str, Any]) -> Any:
        """
        Carry out a call.

        Raises:
            GuardedCallError: It would break a promise.
            TurnEndedError, ApiError, ArgumentError: As of the client's method; of a send, as of `ctx.reply`.

        Cancelling: as of the client's method.
        """
        return await self._call_sdk(name, arguments, options)


class SpokenChat(Protocol):
    """The chat that a handler was called for."""

    @property
    def chat_id(self) -> ChatId:
        """Which one."""

    async def reply(self, text: str, mentions: Sequence[str]) -> StoredReply:
        """As of its `ChatPort`."""


def sdk_calls(
    sdk: AsyncClient,
    *,
    me: UserId,
    chat: SpokenChat | None = None,
    instead: str = SAY,
    shown: ShownRun | None = None,
    find: Callable[[StoredReply], Message | None] | None = None,
) -> SdkCalls:
    """
    Those of a run.

    Args:
        sdk: As the identity.
        me: The identity.
        chat: Says what is sent to the chat that the handler was called for; `None`: it was called for none.
        instead: What to do in the place of a send to any other.
        shown: Takes down what is read, where that is kept.
        find: Knows what stands in the chat of what was sent; of what it does not know the server is asked.
    """

    async def call_sdk(name: str, arguments: Sequence[Any], options: Mapping[str, Any]) -> Any:
        require_allowed(name)
        if name == SEND:
            return await _send(sdk, me, chat, instead, find, *arguments, **options)
        assert name in PASSING
        method: Callable[..., Awaitable[Any]] = operator.attrgetter(name)(sdk)
        result = await method(*arguments, **options)
        if shown is not None and name in READING:
            shown.note_answer(name, arguments, options, result)
        return result

    return SdkCalls(call_sdk)


async def _send(
    sdk: AsyncClient,
    me: UserId,
    chat: SpokenChat | None,
    instead: str,
    find: Callable[[StoredReply], Message | None] | None,
    chat_id: str,
    content: str,
    *,
    mentions: Sequence[str] | None = None,
    delivery_scope: str | None = "broadcast",
    enforce_caught_up: bool = True,
    **others: Any,
) -> Message:
    """As the delivery's reply, which is written down, proven, and sent once."""
    if not enforce_caught_up:
        raise _refused("nothing is said before what is unread", "Leave enforce_caught_up out.")
    if delivery_scope == "addressed" or any(other is not None for other in others.values()):
        raise _refused("of a send only text and mentions are written down", "Give no other arguments.")
    if chat is None or chat_id != chat.chat_id:
        raise _refused("only a handler of this chat's messages speaks there at once", instead)
    stored = await chat.reply(content, tuple(mentions or ()))
    # What stands in the chat: an earlier run may have said it in other words.
    found = None if find is None else find(stored)
    if found is None:
        page = await sdk.messages.list(chat.chat_id, limit=1, before=str(stored["seq"] + 1))
        found = next((message for message in page if message["id"] == stored["message_id"]), None)
    return found or {
        # The history does not show it, as where only the operator's word says that it was sent.
        "id": stored["message_id"],
        "chat_id": chat.chat_id,
        "sender_id": me,
        "content": content,
        "message_type": "human",
        "mentioned_ids": list(mentions or ()),
        "seq": stored["seq"],
        "signal": None,
        "retracted_at": None,
        "created_at": 0.0,
    }


def _refused(problem: str, fix: str) -> GuardedCallError:
    return GuardedCallError(f"ctx.sdk.{SEND}: {problem}", fix=fix)
