"""What stands for the runtime where there is none: it answers at once, keeps what is said, and nothing goes wrong."""

from __future__ import annotations

import asyncio
import itertools
import json
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

from mycel_runtime.errors import ArgumentError
from mycel_runtime.plugin.answer_wish import WHOM, require_answer_wish
from mycel_runtime.plugin.plain_context import WaitingInThread
from mycel_runtime.plugin.sdk_calls import SAY, sdk_calls
from mycel_runtime.plugin.voice import require_utterable
from mycel_runtime.testing.bare_message import CHAT, ME, placed, told

if TYPE_CHECKING:
    from collections.abc import Collection, Coroutine, Mapping, Sequence

    from mycel_runtime.plugin.message import Message
    from mycel_runtime.plugin.plain_context import Waiting
    from mycel_runtime.plugin.port import AnswerWish, SdkPort, ToldMessage
    from mycel_runtime.sdk import AsyncClient

T = TypeVar("T")


class BareOwnChat(Protocol):
    """The chat that a run is about."""

    def say(self, text: str, mentions: Sequence[str]) -> object:
        """A reply."""

    def show_newer(self) -> Sequence[Message]:
        """What came meanwhile."""


class BareQuestion(NamedTuple):
    """
    What was asked.

    Attributes:
        chat_id: Where.
        text: The words.
        name: Of the answer's handler.
        data: What that is to be given.
        user_id: Who was asked; `None`: whoever else is in the chat.
    """

    chat_id: str
    text: str
    name: str
    data: Any
    user_id: str | None


class BareRuntime:
    """
    What every context asks, answered at once.

    Args:
        elsewhere: Where what is said is kept: each chat's id with the text.
        unread: What is read of each chat.
        asked: Where what is asked is kept.
        names: Of questions whose answers are handled.
        is_group: Whether the run's own chat is a group; other chats are direct ones.
        chat: The run's own, if it has one.
    """

    def __init__(
        self,
        elsewhere: list[tuple[str, str]],
        unread: Mapping[str, Sequence[str | Message]],
        asked: list[BareQuestion],
        names: Collection[str],
        *,
        is_group: bool = False,
        chat: BareOwnChat | None = None,
    ) -> None:
        self._elsewhere = elsewhere
        self._asked = asked
        self._names = names
        self._is_group = is_group
        self._unread = {
            chat_id: placed(messages, itertools.count(1), chat_id) for chat_id, messages in unread.items()
        }
        self._chat = chat

    async def say(self, chat_id: str, text: str, mentions: Sequence[str], on_conflict: str) -> None:
        """Noted; in the run's own chat a reply."""
        require_utterable(chat_id, text, mentions, on_conflict)
        if self._chat is not None and chat_id == CHAT:
            self._chat.say(text, mentions)
        else:
            self._elsewhere.append((chat_id, text))

    async def ask(
        self, chat_id: str, text: str, mentions: Sequence[str], on_conflict: str, wish: AnswerWish
    ) -> None:
        """Noted."""
        require_utterable(chat_id, text, mentions, on_conflict)
        checked = require_answer_wish(wish, self._names)
        if self._is_group and chat_id == CHAT and checked["user_id"] is None:
            raise ArgumentError("in a group a question needs to know who is asked", fix=WHOM)
        data = json.loads(checked["data"])
        self._asked.append(BareQuestion(chat_id, text, checked["name"], data, checked["user_id"]))

    async def direct(self, user_id: str) -> str:
        """One for each."""
        return f"direct-{user_id}"

    async def read(self, chat_id: str, limit: int) -> list[ToldMessage]:
        """What was given, page by page; in the run's own chat what is newer."""
        if self._chat is not None and chat_id == CHAT:
            return [told(message) for message in self._chat.show_newer()]
        unread = self._unread.get(chat_id, [])
        self._unread[chat_id] = unread[limit:]
        return [told(message) for message in unread[:limit]]

    def count_read(self, chat_id: str, seq: int) -> None:
        """What was read is not read again."""


class AtOnce:
    """How plain calls wait for what never waits."""

    def wait(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Its result."""
        try:
            coroutine.send(None)
        except StopIteration as end:
            result: T = end.value
            return result
        raise AssertionError("nothing bare waits for anything")

    def go_on_awaited(self) -> None:
        """Nobody returns a coroutine here."""


def waiting_for(sdk: AsyncClient | None) -> Waiting:
    """How plain calls wait: for a server there is the loop that this is called in."""
    return AtOnce() if sdk is None else WaitingInThread(asyncio.get_running_loop())


def calls_of(sdk: AsyncClient | None, instead: str = SAY) -> SdkPort | None:
    """What `ctx.sdk` may do, with this client; `instead` of a send."""
    return None if sdk is None else sdk_calls(sdk, me=ME, instead=instead)
