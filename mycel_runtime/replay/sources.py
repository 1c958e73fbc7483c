"""Where a replayed run gets what it is shown: read again from the backend, or kept by the daemon."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Protocol

from mycel_runtime.plugin.port import ToldMessage
from mycel_runtime.plugin.room import Room
from mycel_runtime.plugin.roster import Roster
from mycel_runtime.plugin.subject import SubjectReader
from mycel_runtime.replay.chat_pages import ChatPages

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from mycel_runtime.journal.shown_run import ShownRun
    from mycel_runtime.plugin.subscription import EventKind
    from mycel_runtime.sdk import AsyncClient
    from mycel_runtime.wire.ids import ChatId
    from mycel_runtime.wire.resources import Member


class NotReplayableError(Exception):
    """What the turn was shown is not to be had any more."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(why)


class Source(Protocol):
    """
    What one run may be shown.

    Raises:
        ApiError: It cannot be read now.
    """

    async def room(self, chat_id: ChatId, senders: Collection[str]) -> Room:
        """Who is in a chat."""

    async def told(self, chat_id: ChatId, places: Sequence[tuple[int, str]]) -> list[ToldMessage]:
        """
        The messages with these numbers and ids.

        Raises:
            NotReplayableError: One of them is gone.
        """

    def known_from(self, chat_id: ChatId, high: int) -> int | None:
        """The lowest number from which on up to this one everything is here; `None`: nothing is."""

    async def between(self, chat_id: ChatId, low: int, high: int) -> list[ToldMessage]:
        """The messages with these numbers, both included, ascending."""

    async def members(self, chat_id: ChatId) -> list[Member]:
        """Of a chat."""

    async def direct(self, user_id: str) -> str:
        """The direct chat with somebody that there is; none is made."""

    async def row(
        self, kind: EventKind, metadata: Mapping[str, Any], shown: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """What an event was about, with its words as far as they are known, of which `shown` has none."""

    def take_answer(self, name: str, arguments: Sequence[Any], options: Mapping[str, Any]) -> list[Any]:
        """What a call of the SDK was answered with, in a list; empty: ask."""


class ReadAgain:
    """
    The `Source` of turns that were not captured: the backend as it is now.

    Args:
        sdk: As the identity; reads only.
    """

    def __init__(self, sdk: AsyncClient) -> None:
        self._sdk = sdk
        self._pages = ChatPages(sdk)
        self._roster = Roster(sdk)
        self._subjects = SubjectReader(sdk)

    async def room(self, chat_id: ChatId, senders: Collection[str]) -> Room:
        """As it is now."""
        return await self._roster.room(chat_id, senders)

    async def told(self, chat_id: ChatId, places: Sequence[tuple[int, str]]) -> list[ToldMessage]:
        """As they are now."""
        if not places:
            return []
        seqs = [seq for seq, _ in places]
        by_id = {told["raw"]["id"]: told for told in await self.between(chat_id, min(seqs), max(seqs))}
        if not all(message_id in by_id for _, message_id in places):
            raise NotReplayableError("a message that it was shown is not in the chat any more")
        return [by_id[message_id] for _, message_id in places]

    def known_from(self, _chat_id: ChatId, _high: int) -> int | None:
        """Whatever is asked for is read."""
        return None

    async def between(self, chat_id: ChatId, low: int, high: int) -> list[ToldMessage]:
        """As they are now."""
        page = await self._pages.between(chat_id, low, high)
        room = await self._roster.room(chat_id, {message["sender_id"] for message in page})
        return [
            ToldMessage(raw=dict(message), sender_type=room.type_of(message["sender_id"])) for message in page
        ]

    async def members(self, chat_id: ChatId) -> list[Member]:
        """As they are now."""
        return (await self._sdk.chats.get(chat_id))["members"]

    async def direct(self, user_id: str) -> str:
        """As it is now; of one that is not there yet its person tells."""
        for chat in await self._sdk.chats.list():
            is_with = any(member["id"] == user_id for member in chat["members"])
            if is_with and (await self._sdk.chats.get(chat["id"]))["type"] == "direct":
                return chat["id"]
        return f"direct:{user_id}"

    async def row(
        self, kind: EventKind, metadata: Mapping[str, Any], shown: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """As it was, with the words that it has now, if it is still the same one."""
        subject = await self._subjects.read(kind, metadata)
        now = None if subject is None else subject.row
        is_same = now is not None and now.get("created_at") == shown.get("created_at")
        return {**(now if now is not None and is_same else {}), **shown}

    def take_answer(self, _name: str, _arguments: Sequence[Any], _options: Mapping[str, Any]) -> list[Any]:
        """Whatever is asked for is read."""
        return []


class AsCaptured:
    """
    The `Source` of a turn that was captured, whatever has become of its messages since.

    Args:
        shown: What its run was shown.
        chat_id: The run's chat; empty: it has none.
        beyond: For what changed code asks for beyond that.
    """

    def __init__(self, shown: ShownRun, chat_id: str, beyond: ReadAgain) -> None:
        self._shown = shown
        self._chat_id = chat_id
        self._beyond = beyond
        self._answers = list(shown.answers)

    async def room(self, chat_id: ChatId, senders: Collection[str]) -> Room:
        """As it was."""
        if chat_id != self._chat_id:
            return await self._beyond.room(chat_id, senders)
        shown = self._shown
        return Room(chat_type=shown.chat_type, types=shown.types, is_whole=shown.is_whole)

    async def told(self, chat_id: ChatId, places: Sequence[tuple[int, str]]) -> list[ToldMessage]:
        """As they were."""
        by_id = {told["raw"]["id"]: told for told in reversed(self._shown.messages)}
        if all(message_id in by_id for _, message_id in places):
            return [by_id[message_id] for _, message_id in places]
        return await self._beyond.told(chat_id, places)

    def known_from(self, chat_id: ChatId, high: int) -> int | None:
        """As far down as a page reached that shows this number."""
        if chat_id != self._chat_id:
            return None
        lows = [low for low, highest, _ in self._shown.pages if low <= high <= highest]
        return min(lows, default=None)

    async def between(self, chat_id: ChatId, low: int, high: int) -> list[ToldMessage]:
        """As they were, where a page shows all of them; else as they are now."""
        if low > high:
            return []
        for lowest, highest, page in self._shown.pages:
            if chat_id == self._chat_id and lowest <= low and high <= highest:
                return [told for told in page if low <= told["raw"]["seq"] <= high]
        return await self._beyond.between(chat_id, low, high)

    async def members(self, chat_id: ChatId) -> list[Member]:
        """As they were told."""
        if chat_id == self._chat_id and self._shown.members is not None:
            return self._shown.members
        return await self._beyond.members(chat_id)

    async def direct(self, user_id: str) -> str:
        """As it was found, or made."""
        known = self._shown.directs.get(user_id)
        return await self._beyond.direct(user_id) if known is None else known

    async def row(
        self, _kind: EventKind, _metadata: Mapping[str, Any], shown: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """As it was."""
        return {**(self._shown.row or {}), **shown}

    def take_answer(self, name: str, arguments: Sequence[Any], options: Mapping[str, Any]) -> list[Any]:
        """The next that the same call was given."""
        asked = json.dumps([name, list(arguments), dict(options)], sort_keys=True, default=repr)
        for place, (*call, result) in enumerate(self._answers):
            if json.dumps(call, sort_keys=True) == asked:
                del self._answers[place]
                return [result]
        return []
