"""
What a replayed handler asks of the runtime: answered as it was answered then, and taken down.

A reply is accepted and goes nowhere. What was refused then is refused again, so that a run which was ended there ends
there once more.
"""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Any, Final, cast

from mycel_runtime.errors import (
    ApiError,
    ArgumentError,
    BadRequestError,
    ConflictError,
    ContentTooLargeError,
    NotCaughtUpError,
    NotFoundError,
    PermissionDeniedError,
    ValidationError,
)
from mycel_runtime.journal.turns import Decided, Said, Uttered
from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.plugin.answer_wish import require_answer_wish
from mycel_runtime.plugin.port import StoredReply, ToldMessage, ToolEntry
from mycel_runtime.plugin.voice import require_utterable, uttered_hash
from mycel_runtime.speech.caught_up import content_hash
from mycel_runtime.speech.interrupts import DroppedError, WithheldError
from mycel_runtime.wire.arguments import (
    require_mentions,
    require_page,
    require_place,
    require_sayable,
    require_storable,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mycel_runtime.plugin.port import AnswerWish, SdkPort
    from mycel_runtime.replay.sources import Source
    from mycel_runtime.wire.ids import ChatId, UserId
    from mycel_runtime.wire.resources import Member, Message

_ENDINGS: Final = {kind.__name__: kind for kind in (DroppedError, WithheldError)}

_REFUSALS: Final[dict[str, tuple[type[ApiError], int]]] = {
    kind.__name__: (kind, status)
    for kind, status in (
        (BadRequestError, 400),
        (PermissionDeniedError, 403),
        (NotFoundError, 404),
        (ConflictError, 409),
        (NotCaughtUpError, 409),
        (ContentTooLargeError, 413),
        (ValidationError, 422),
    )
}


@dataclass(slots=True, kw_only=True)
class CapturedChat:
    """
    The `ChatPort` of a replayed run.

    Attributes:
        source: What it is shown.
        base_seq: All of the chat up to here is there; above it is what `newer` told, and what the run itself says.
        was_said: The replies of the logged run.
        standing: Replies of earlier runs of the delivery, which stand: number and id.
        told_later: Numbers and ids of what each `newer` showed.
        said: The replies of this run.
        texts: Their texts.
        lacking: What it has asked for that no replay has; empty: nothing.
    """

    chat_id: ChatId
    me: UserId
    source: Source
    base_seq: int
    was_said: Sequence[Said]
    standing: Sequence[tuple[int, str]] = ()
    told_later: list[list[tuple[int, str]]] = field(default_factory=list)
    said: list[Said] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    lacking: str = ""
    _later: list[int] = field(default_factory=list)
    _own: list[Message] = field(default_factory=list)

    async def reply(self, text: str, mentions: Sequence[str]) -> StoredReply:
        """Take it down; it is answered as the reply in its place was."""
        place = len(self.said)
        require_sayable(text, "the reply's text")
        require_mentions(mentions)
        error = self.was_said[place].error if place < len(self.was_said) else ""
        self.said.append(Said(content_hash(text, mentions=mentions), len(text), error))
        self.texts.append(text)
        if error in _ENDINGS:
            raise _ENDINGS[error]
        if error in _REFUSALS:
            kind, status = _REFUSALS[error]
            raise kind(status, "as it was refused then")
        if place < len(self.standing):
            seq, message_id = self.standing[place]
            return StoredReply(message_id=message_id, seq=seq)
        return self._stored(text, mentions)

    async def history(self, limit: int, before: int | None) -> list[ToldMessage]:
        """What there was, with what this run has said in the place of what was said."""
        require_page(limit, "the limit")
        if before is not None:
            require_place(before, "before")
        top = max([self.base_seq, *self._later])
        newest = top if before is None else min(top, before - 1)
        low = max(1, newest - limit + 1)
        # What a captured page shows will do, where the run's own words take the place of the rest.
        known = max(low, self.source.known_from(self.chat_id, newest) or low)
        page = await self._page(known, newest, before)
        if known > low and len(page) < limit:
            page = await self._page(low, newest, before)
        return page[-limit:]

    async def _page(self, low: int, high: int, before: int | None) -> list[ToldMessage]:
        read = await self.source.between(self.chat_id, low, high)
        page = [
            told for told in read if told["raw"]["seq"] <= self.base_seq or told["raw"]["seq"] in self._later
        ]
        own = [message for message in self._own if before is None or message["seq"] < before]
        if own:
            room = await self.source.room(self.chat_id, {self.me})
            page += [ToldMessage(raw=dict(each), sender_type=room.type_of(self.me)) for each in own]
        return sorted(page, key=lambda told: told["raw"]["seq"])

    async def newer(self) -> list[ToldMessage]:
        """What it showed then, each time."""
        places = self.told_later.pop(0) if self.told_later else []
        self._later += [seq for seq, _ in places]
        return await self.source.told(self.chat_id, places)

    async def members(self) -> list[Member]:
        """As the source has them."""
        return await self.source.members(self.chat_id)

    async def tools(self) -> ToolEntry:
        """
        There is no run that an agent's tools could speak as.

        Raises:
            ArgumentError: So it is.
        """
        self.lacking = "its tools would speak as the run, and an agent's words by them are in no log"
        raise ArgumentError(
            "ctx.tools: a replayed run has no tools", fix="Replay handlers that say their words themselves."
        )

    def withdraw(self) -> None:
        """There is nothing to withdraw: such runs are not replayed."""

    def find(self, stored: StoredReply) -> Message | None:
        """One of its own replies, as it would stand in the chat; one of an earlier run is not looked for."""
        own = next((each for each in self._own if each["id"] == stored["message_id"]), None)
        return None if own is None else cast("Message", {"signal": None, "created_at": 0.0, **own})

    def _stored(self, text: str, mentions: Sequence[str]) -> StoredReply:
        """As the backend would have stored it, above all that was there."""
        seq = max([self.base_seq, *self._later, *(own["seq"] for own in self._own)]) + 1
        own: dict[str, Any] = {
            "id": f"replayed-{len(self.said)}",
            "chat_id": self.chat_id,
            "seq": seq,
            "sender_id": self.me,
            "sender_name": self.me,
            "content": text,
            "message_type": "human",
            "mentioned_ids": list(mentions),
            "retracted_at": None,
        }
        self._own.append(cast("Message", own))
        return StoredReply(message_id=own["id"], seq=seq)


@dataclass(slots=True, kw_only=True)
class CapturedVoice:
    """
    The `RunPort` of a replayed run.

    Attributes:
        source: What it is shown.
        chat: Where what is said is a reply; `None`: nowhere.
        read_then: What was read of other chats, by chat and page.
        uttered: What was said elsewhere.
        texts: Their texts.
        question_names: Questions whose answers the plugin handles.
    """

    source: Source
    chat: CapturedChat | None = None
    read_then: dict[str, list[list[ToldMessage]]] = field(default_factory=dict)
    question_names: frozenset[str] = frozenset()
    uttered: list[Uttered] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)

    async def say(self, chat_id: str, text: str, mentions: Sequence[str], on_conflict: str) -> None:
        """Take it down."""
        require_utterable(chat_id, text, mentions, on_conflict)
        if self.chat is not None and self.chat.chat_id == chat_id:
            await self.chat.reply(text, mentions)
            return
        self.uttered.append(Uttered(chat_id, content_hash(text, mentions=mentions), len(text)))
        self.texts.append(text)

    async def read(self, chat_id: str, limit: int) -> list[ToldMessage]:
        """What was read there then, page by page, whatever the limit is now; in the run's own chat what is newer."""
        require_sayable(chat_id, "the chat id")
        require_page(limit, "the limit")
        if self.chat is not None and self.chat.chat_id == chat_id:
            return await self.chat.newer()
        pages = self.read_then.get(chat_id)
        return pages.pop(0) if pages else []

    def will_read(self, pages: Mapping[str, list[list[ToldMessage]]]) -> None:
        """What reading is answered with, by chat."""
        self.read_then.update(pages)

    def count_read(self, chat_id: str, seq: int) -> None:
        """Nothing is written down."""

    async def ask(
        self, chat_id: str, text: str, mentions: Sequence[str], on_conflict: str, wish: AnswerWish
    ) -> None:
        """Take it down; whom it asks is not compared."""
        require_utterable(chat_id, text, mentions, on_conflict)
        checked = require_answer_wish(wish, self.question_names)
        self.uttered.append(Uttered(chat_id, uttered_hash(text, mentions, checked["name"]), len(text)))
        self.texts.append(text)

    async def direct(self, user_id: str) -> str:
        """The direct chat with somebody that there is; none is made."""
        require_storable(user_id, "the user id")
        return await self.source.direct(user_id)


@dataclass(slots=True, kw_only=True)
class CapturedRequest:
    """
    The `RequestPort` of a replayed run.

    Attributes:
        was_decided: The decisions of the logged run.
        is_open: Whether what it was shown waited for one.
        decided: Those of this run.
    """

    was_decided: Sequence[Decided]
    is_open: bool
    decided: list[Decided] = field(default_factory=list)

    async def approve(self) -> bool:
        """Take it down."""
        return self._decide("approve")

    async def reject(self, why: str) -> bool:
        """Take it down; the reason is for the operator's log, and is not compared."""
        del why
        return self._decide("reject")

    def _decide(self, deed: str) -> bool:
        place = len(self.decided)
        was = self.was_decided[place] if place < len(self.was_decided) else None
        is_done = was.is_done if was is not None and was.deed == deed else self.is_open
        self.decided.append(Decided(deed, is_done))
        return is_done


@dataclass(frozen=True, slots=True, kw_only=True)
class CapturedCalls:
    """
    The `SdkPort` of a replayed run.

    Attributes:
        source: Has the answers that were captured.
        calls: Make the other calls.
    """

    source: Source
    calls: SdkPort

    async def call_sdk(self, name: str, arguments: Sequence[Any], options: Mapping[str, Any]) -> Any:
        """As it was answered then, if that is known."""
        for result in self.source.take_answer(name, arguments, options):
            return result
        return await self.calls.call_sdk(name, arguments, options)
