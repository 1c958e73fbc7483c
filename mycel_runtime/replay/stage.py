"""What a logged turn is shown again: the context of its run, made from ids, with the bodies read again."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import structlog

from mycel_runtime.dispatch.entry_attempt import frame_of
from mycel_runtime.dispatch.firing import SCHEDULE
from mycel_runtime.dispatch.handler_bounds import HandlerBounds
from mycel_runtime.journal.turns import ANSWER_KIND, MESSAGE_KIND, TIMER_KIND, done_from, said_from
from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.plugin.context_run import ContextRun
from mycel_runtime.plugin.event_context import event_context
from mycel_runtime.plugin.message import message_as_told
from mycel_runtime.plugin.message_context import LoopGuardView, MessageContext
from mycel_runtime.plugin.plugin_state import PluginState
from mycel_runtime.plugin.sdk_calls import sdk_calls
from mycel_runtime.plugin.stored_items import StoredItems
from mycel_runtime.plugin.subscription import (
    FrameSubscription,
    MessageSubscription,
    ScheduleSubscription,
    TimerSubscription,
)
from mycel_runtime.plugin.timer_context import TimerContext
from mycel_runtime.replay.capture import CapturedCalls, CapturedChat, CapturedRequest, CapturedVoice
from mycel_runtime.replay.sources import AsCaptured, NotReplayableError, ReadAgain
from mycel_runtime.speech.sent import Sent
from mycel_runtime.wire.ids import ChatId, MessageId, MessageSeq

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mycel_runtime.journal.capture_file import CapturedRuns
    from mycel_runtime.journal.shown_run import ShownRun
    from mycel_runtime.journal.turns import LoggedTurn
    from mycel_runtime.plugin.context import Context
    from mycel_runtime.plugin.handler import Handler
    from mycel_runtime.plugin.message import Message
    from mycel_runtime.plugin.port import ToldMessage
    from mycel_runtime.plugin.registry import BoundHandler
    from mycel_runtime.plugin.subscription import EventKind
    from mycel_runtime.replay.memory import Memory
    from mycel_runtime.replay.sources import Source
    from mycel_runtime.sdk import AsyncClient
    from mycel_runtime.settings import DispatchSettings
    from mycel_runtime.wire.ids import UserId

Port: TypeAlias = CapturedChat | CapturedRequest

_WORDS: Final[dict[EventKind, dict[str, Any]]] = {
    "relationship": {"message": None},
    "join_request": {"message": None, "requester_name": None},
    "workflow_event": {
        "resource_refs": [],
        "decision_states": {},
        "rationales": {},
        "final_state": {},
        "metadata": {},
    },
}
"""What a row has where its words are gone."""


class NotHeardError(Exception):
    """The changed code does not want to hear this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Staged:
    """
    A run that can begin.

    Attributes:
        voice: Takes its words down.
        port: Takes its replies, or decisions, down.
        is_captured: It is shown what the daemon has kept.
    """

    context: Context
    voice: CapturedVoice
    port: Port | None = None
    is_captured: bool = False


class Stage:
    """
    Sets turns up.

    Args:
        sdk: As the identity; reads only.
        captured: What the daemon has kept.
        memory: What plugins remembered.
        timer_names: By plugin.
        question_names: By plugin.
        me: The identity.
        settings: `[dispatch]`.
    """

    def __init__(
        self,
        *,
        sdk: AsyncClient,
        captured: CapturedRuns,
        memory: Memory,
        timer_names: Mapping[str, frozenset[str]],
        question_names: Mapping[str, frozenset[str]],
        me: UserId,
        settings: DispatchSettings,
    ) -> None:
        self._sdk = sdk
        self._captured = captured
        self._again = ReadAgain(sdk)
        self._memory = memory
        self._timer_names = timer_names
        self._question_names = question_names
        self._me = me
        self._bounds = HandlerBounds(settings)

    async def set_up(self, turn: LoggedTurn, bound: BoundHandler) -> Staged:
        """
        The run of this turn.

        Raises:
            NotReplayableError: It cannot be shown again.
            NotHeardError: The handler does not want it.
            ApiError: A body cannot be read now.

        Cancelling: loses nothing.
        """
        name = json.loads(turn.shown).get("captured")
        kept = None if name is None else self._captured.find(self._me, name)
        chat_id = turn.chat_id or ""
        source = self._again if kept is None else AsCaptured(kept, chat_id, self._again)
        staged = await self._staged(turn, bound, source, kept)
        staged.voice.will_read(await self._read_then(turn, source))
        return dataclasses.replace(staged, is_captured=kept is not None)

    async def _staged(
        self, turn: LoggedTurn, bound: BoundHandler, source: Source, kept: ShownRun | None
    ) -> Staged:
        match turn.kind:
            case kind if kind == MESSAGE_KIND:
                return await self._messages(turn, bound, source)
            case kind if kind == TIMER_KIND:
                return self._timer(turn, bound, source, kept)
            case kind if kind == ANSWER_KIND:
                raise NotReplayableError("it was about an answer, and what was asked with is kept nowhere")
            case _:
                return await self._event(turn, bound, source)

    async def _read_then(self, turn: LoggedTurn, source: Source) -> dict[str, list[list[ToldMessage]]]:
        """What it read of other chats."""
        read: dict[str, list[list[ToldMessage]]] = {}
        for chat_id, pages in json.loads(turn.shown).get("read", {}).items():
            read[chat_id] = [await source.told(ChatId(chat_id), places) for places in pages]
        return read

    async def _messages(self, turn: LoggedTurn, bound: BoundHandler, source: Source) -> Staged:
        shown, subscription = json.loads(turn.shown), bound.handler.subscription
        if not isinstance(subscription, MessageSubscription):
            raise NotHeardError
        if shown.get("unsaid"):
            raise NotReplayableError("it was shown words of an earlier run, which are kept nowhere")
        chat_id, later = ChatId(turn.chat_id or ""), shown.get("newer", [])
        read = await source.told(chat_id, shown["messages"])
        for places in later:
            await source.told(chat_id, places)
        room = await source.room(chat_id, {told["raw"]["sender_id"] for told in read})
        messages = [message_as_told(each, me=self._me) for each in read]
        wanted = tuple(each for each in messages if subscription.wants(each, room.chat_type))
        if not wanted:
            raise NotHeardError
        standing = [(seq, message_id) for seq, message_id in shown.get("said", [])]
        port = CapturedChat(
            chat_id=chat_id,
            me=self._me,
            source=source,
            base_seq=shown["base_seq"],
            was_said=said_from(turn.said),
            standing=standing,
            told_later=[[(seq, message_id) for seq, message_id in places] for places in later],
        )
        voice = self._voice(turn, source, port)
        context = self._message_context(turn, bound, wanted, room.chat_type, port, voice)
        return Staged(context=context, voice=voice, port=port)

    def _message_context(
        self,
        turn: LoggedTurn,
        bound: BoundHandler,
        messages: Sequence[Message],
        chat_type: str,
        port: CapturedChat,
        voice: CapturedVoice,
    ) -> MessageContext:
        turns, turns_left, is_held = json.loads(turn.shown)["guard"]
        return MessageContext(
            messages=messages,
            chat_id=port.chat_id,
            chat_type=chat_type,
            guard=LoopGuardView(turns=turns, turns_left=turns_left, is_held=is_held),
            unsaid=(),
            said=tuple(
                Sent(message_id=MessageId(message_id), seq=MessageSeq(seq))
                for seq, message_id in port.standing
            ),
            _port=port,
            **self._common(turn, bound, voice),
        )

    async def _event(self, turn: LoggedTurn, bound: BoundHandler, source: Source) -> Staged:
        subscription = bound.handler.subscription
        if not isinstance(subscription, FrameSubscription) or not subscription.wants(turn.kind):
            raise NotHeardError
        if turn.raw is None:
            raise NotReplayableError("its frame is not in the journal any more")
        frame, shown = frame_of(turn.raw), json.loads(turn.shown)
        row = shown.get("subject")
        if row is not None:
            words = await source.row(subscription.kind, frame.metadata, row)
            row = {**_WORDS.get(subscription.kind, {}), **words}
        is_open = row is not None and row.get("state") == "pending" and not row.get("is_requester")
        port = CapturedRequest(was_decided=done_from(turn.done).decided, is_open=is_open)
        voice = self._voice(turn, source)
        context = event_context(
            subscription.kind,
            row,
            port,
            event_type=frame.event_type,
            metadata=frame.metadata,
            **self._common(turn, bound, voice),
        )
        return Staged(context=context, voice=voice, port=port)

    def _timer(self, turn: LoggedTurn, bound: BoundHandler, source: Source, kept: ShownRun | None) -> Staged:
        shown = json.loads(turn.shown)
        if not _is_timer_of(bound.handler, shown["name"]):
            raise NotHeardError
        key, data = self._memory.text(shown["key"]), self._memory.text(shown["data"])
        if kept is not None:
            key, data = kept.key, kept.data
        is_schedule = shown["name"].startswith(SCHEDULE)
        if not is_schedule and (key is None or data is None):
            raise NotReplayableError("what its timer was set with is kept nowhere")
        voice = self._voice(turn, source)
        context = TimerContext(
            name=shown["name"].removeprefix(SCHEDULE),
            key=key or "",
            data=None if is_schedule or data is None else json.loads(data),
            due_at=datetime.fromtimestamp(shown["due_at"], UTC),
            **self._common(turn, bound, voice),
        )
        return Staged(context=context, voice=voice)

    def _voice(self, turn: LoggedTurn, source: Source, chat: CapturedChat | None = None) -> CapturedVoice:
        names = self._question_names.get(turn.handler.partition(".")[0], frozenset())
        return CapturedVoice(source=source, chat=chat, question_names=names)

    def _common(self, turn: LoggedTurn, bound: BoundHandler, voice: CapturedVoice) -> dict[str, Any]:
        """Of every context; its clock stands where the run began."""
        chat_id = ChatId(turn.chat_id) if turn.kind == MESSAGE_KIND and turn.chat_id else None
        state = PluginState(
            items=self._memory.items(turn.handler, None),
            chat_id=chat_id,
            chat_items=StoredItems() if chat_id is None else self._memory.items(turn.handler, chat_id),
            timer_names=self._timer_names.get(turn.handler.partition(".")[0], frozenset()),
            question_names=voice.question_names,
            clock=lambda: turn.began_at,
            is_still=True,
        )
        calls = sdk_calls(
            self._sdk, me=self._me, chat=voice.chat, find=None if voice.chat is None else voice.chat.find
        )
        return {
            "me": self._me,
            "settings": bound.settings,
            "log": structlog.get_logger().bind(handler=turn.handler, turn=turn.turn_id),
            "deadline": self._bounds.deadline(bound.handler),
            "attempt": turn.attempt,
            "_run": ContextRun(state, CapturedCalls(source=voice.source, calls=calls)),
            "_runtime": voice,
        }


def _is_timer_of(handler: Handler, name: str) -> bool:
    match handler.subscription:
        case TimerSubscription(name=its):
            return its == name
        case ScheduleSubscription():
            return name.startswith(SCHEDULE)
        case _:
            return False
