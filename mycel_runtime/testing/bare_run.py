"""
Runs of handlers of other things than messages, without any server: a handler is called as the function that it is.

What a handler is shown is given, what it does is kept, and nothing goes wrong. For messages there is `BareChat`.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Generic, NamedTuple, Protocol, TypeVar, cast

import structlog
from typing_extensions import override

from mycel_runtime.errors import ArgumentError
from mycel_runtime.journal.changes import Item
from mycel_runtime.plugin.answer_wish import WHOM, require_answer_wish
from mycel_runtime.plugin.context_run import ContextRun
from mycel_runtime.plugin.event_context import (
    ChatEventContext,
    JoinRequestContext,
    RelationshipContext,
    WorkflowEventContext,
)
from mycel_runtime.plugin.frame_context import FrameContext
from mycel_runtime.plugin.hook_context import StartContext, StopContext
from mycel_runtime.plugin.json_text import json_text
from mycel_runtime.plugin.plain_context import (
    SyncChatEventContext,
    SyncFrameContext,
    SyncJoinRequestContext,
    SyncRelationshipContext,
    SyncStartContext,
    SyncStopContext,
    SyncTimerContext,
    SyncWorkflowEventContext,
    WaitingInThread,
    plain_context,
)
from mycel_runtime.plugin.plugin_state import PluginState
from mycel_runtime.plugin.sdk_calls import SAY, sdk_calls
from mycel_runtime.plugin.timer_context import TimerContext
from mycel_runtime.plugin.voice import require_utterable
from mycel_runtime.testing.bare_message import CHAT, ME, placed, told

if TYPE_CHECKING:
    from collections.abc import Collection, Coroutine, Mapping, Sequence

    from mycel_runtime.journal.changes import NewTimer
    from mycel_runtime.plugin.message import Message
    from mycel_runtime.plugin.plain_context import Waiting
    from mycel_runtime.plugin.port import AnswerWish, SdkPort, ToldMessage
    from mycel_runtime.sdk import AsyncClient
    from mycel_runtime.wire import resources

T = TypeVar("T")
Awaited = TypeVar("Awaited", bound=Any)
Plain = TypeVar("Plain")

HANDLER_SECONDS: Final = 120.0
"""As `[dispatch] handler_timeout` by default."""

_GRANTED: Final = frozenset({"visit", "hire", "approved"})
_DENIED: Final = frozenset({"none", "rejected"})


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


class BareRun(Generic[Awaited, Plain]):
    """
    One run, with nothing behind it.

    Args:
        store: What the plugin remembers; as a run changes it, `ctx.store` shows it.
        timers: Names that the plugin has handlers for.
        questions: Names of the questions whose answers it handles.
        settings: What `ctx.settings` is: an instance of the plugin's model.
        attempt: What `ctx.attempt` is.
        unread: What `ctx.read` returns of chats, by their ids: texts of Ada's, or messages as `said` makes them.
        sdk: Whose calls `ctx.sdk` makes, for example `ada.sdk` of a `mycel`; without it they are refused.

    Attributes:
        ctx: For an `async def` handler.
        deeds: What was done, in order, for example `approve` or `reject: no magic word`.
        elsewhere: What was said by `ctx.say`: each chat's id with the text.
        asked: What was asked by `ctx.ask`.
    """

    ctx: Awaited

    def __init__(
        self,
        *,
        store: Mapping[str, Any] | None = None,
        timers: Collection[str] = (),
        questions: Collection[str] = (),
        settings: Any = None,
        attempt: int = 1,
        unread: Mapping[str, Sequence[str | Message]] | None = None,
        sdk: AsyncClient | None = None,
    ) -> None:
        self.deeds: list[str] = []
        self.elsewhere: list[tuple[str, str]] = []
        self.asked: list[BareQuestion] = []
        self._state, self._waiting = state_of(store, None, timers, questions), waiting_for(sdk)
        self._shown = shown(settings, attempt) | {
            "_run": ContextRun(self._state, calls_of(sdk)),
            "_runtime": BareRuntime(self.elsewhere, unread or {}, self.asked, questions),
        }

    @override
    def __repr__(self) -> str:
        return f"<{type(self).__name__} {', '.join(self.deeds) or 'nothing was done'}>"

    @property
    def sync_ctx(self) -> Plain:
        """The same run, for a plain function; with an `sdk` in a thread: `await asyncio.to_thread(f, sync_ctx)`."""
        return cast("Plain", plain_context(self.ctx, self._waiting))

    @property
    def planned(self) -> Sequence[NewTimer]:
        """The timers that were set."""
        planned: Sequence[NewTimer] = self.ctx.run.timers.planned()
        return planned

    def assert_deeds(self, *expected: str) -> None:
        """
        Nothing else was done, and in this order.

        Raises:
            AssertionError: It was otherwise; shows the whole run.
        """
        __tracebackhide__ = True
        if self.deeds != list(expected):
            raise AssertionError(f"expected {_listed(expected)}\n{self.report()}")

    def report(self) -> str:
        """What was shown, done, remembered and planned, for a person."""
        lines = [
            f"shown:      {self._described()}",
            f"done:       {_listed(self.deeds)}",
            f"remembered: {dict(self.ctx.store)}",
            f"planned:    {_listed(f'{timer.name} {timer.key}'.rstrip() for timer in self.planned)}",
        ]
        return "\n".join(lines)

    def _described(self) -> str:
        return type(self).__name__.removeprefix("Bare")


class _Decisions:
    """The port of a request: decided once, as by the runtime."""

    def __init__(self, state: str, deeds: list[str], *, is_open: bool) -> None:
        self._state = state
        self._deeds = deeds
        self._is_open = is_open

    async def approve(self) -> bool:
        """Whether it is granted."""
        self._decide("approve", "approved")
        return self._state in _GRANTED

    async def reject(self, why: str) -> bool:
        """Whether it is not."""
        self._decide(f"reject: {why}" if why else "reject", "rejected")
        return self._state in _DENIED

    def _decide(self, deed: str, state: str) -> None:
        if self._is_open:
            self._is_open, self._state = False, state
            self._deeds.append(deed)


class BareRelationship(BareRun[RelationshipContext, SyncRelationshipContext]):
    """
    For `@plugin.on_relationship`.

    Args:
        state: `pending`, `visit`, `hire`, or `none`.
        other: Display name of the other one; the user id is the same in lower case.
        message: What he has written.
        is_requester: The agent has asked for it.
        event_type: What told of it.
        more: As of `BareRun`.
    """

    def __init__(
        self,
        state: str = "pending",
        *,
        other: str = "Ada",
        message: str = "",
        is_requester: bool = False,
        event_type: str = "relationship.requested",
        **more: Any,
    ) -> None:
        super().__init__(**more)
        other_id = other.lower()
        row = {
            "id": f"hire_visit:{other_id}:{ME}",
            "other_user_id": other_id,
            "state": state,
            "is_requester": is_requester,
            "message": message or None,
            "created_at": _now().isoformat(),
            "updated_at": _now().isoformat(),
        }
        is_open = state == "pending" and not is_requester
        self.ctx = RelationshipContext(
            relationship=None if state == "none" else cast("resources.Relationship", row),
            event_type=event_type,
            metadata={"event_type": event_type, "relationship_id": row["id"]},
            _port=_Decisions(state, self.deeds, is_open=is_open),
            **self._shown,
        )

    @override
    def _described(self) -> str:
        return f"relationship with {self.ctx.other_user_id}: {self.ctx.state} {self.ctx.message!r}"


class BareJoinRequest(BareRun[JoinRequestContext, SyncJoinRequestContext]):
    """
    For `@plugin.on_join_request`.

    Args:
        state: `pending`, `approved`, `rejected`, or `none`.
        other: Display name of the one who asks; the user id is the same in lower case.
        message: What he has written.
        more: As of `BareRun`.
    """

    def __init__(self, state: str = "pending", *, other: str = "Ada", message: str = "", **more: Any) -> None:
        super().__init__(**more)
        row = {
            "id": "request",
            "chat_id": CHAT,
            "requester_user_id": other.lower(),
            "requester_name": other,
            "requester_type": "human",
            "state": state,
            "message": message or None,
            "decided_by_user_id": None,
            "decided_at": None,
            "created_at": time.time(),
            "updated_at": time.time(),
        }
        event_type = "chat.join_request.changed"
        self.ctx = JoinRequestContext(
            request=None if state == "none" else cast("resources.JoinRequest", row),
            event_type=event_type,
            metadata={
                "event_type": event_type,
                "chat_id": CHAT,
                "chat_join_request_id": row["id"],
                "requester_user_id": row["requester_user_id"],
            },
            _port=_Decisions(state, self.deeds, is_open=state == "pending"),
            **self._shown,
        )

    @override
    def _described(self) -> str:
        return f"request of {self.ctx.other_user_id} to join: {self.ctx.state} {self.ctx.message!r}"


class BareChatEvent(BareRun[ChatEventContext, SyncChatEventContext]):
    """
    For `@plugin.on_chat`.

    Args:
        event_type: `chat.joined`, `chat.left`, or `chat.join.rejected`.
        title: Of the chat.
        more: As of `BareRun`.
    """

    def __init__(self, event_type: str = "chat.joined", *, title: str = "The room", **more: Any) -> None:
        super().__init__(**more)
        metadata = {"event_type": event_type, "chat_id": CHAT, "title": title}
        self.ctx = ChatEventContext(event_type=event_type, metadata=metadata, **self._shown)

    @override
    def _described(self) -> str:
        return f"{self.ctx.event_type} {self.ctx.title!r}"


class BareWorkflowEvent(BareRun[WorkflowEventContext, SyncWorkflowEventContext]):
    """
    For `@plugin.on_workflow_event`.

    Args:
        state: In the words of whoever runs the workflow; `none`: it was deleted.
        event: More of what the API shows of it, for example `{"kind": "review"}`.
        more: As of `BareRun`.
    """

    def __init__(self, state: str = "open", *, event: Mapping[str, Any] | None = None, **more: Any) -> None:
        super().__init__(**more)
        row = {
            "chat_id": CHAT,
            "event_id": "event",
            "kind": "task",
            "state": state,
            "resource_refs": [],
            "requested_by_user_id": None,
            "decision_states": {},
            "rationales": {},
            "final_state": {},
            "metadata": {},
            "state_version": 1,
            "created_at": time.time(),
            "updated_at": None,
            "settled_at": None,
            **(event or {}),
        }
        event_type = "chat.workflow_event.changed"
        self.ctx = WorkflowEventContext(
            event=None if state == "none" else cast("resources.WorkflowEvent", row),
            event_type=event_type,
            metadata={"event_type": event_type, "chat_id": CHAT, "event_id": row["event_id"]},
            **self._shown,
        )

    @override
    def _described(self) -> str:
        return f"workflow event {self.ctx.event_id}: {self.ctx.state}"


class BareFrame(BareRun[FrameContext, SyncFrameContext]):
    """
    For `@plugin.on_frame`.

    Args:
        event_type: For example `relationship.requested`.
        metadata: As received.
        more: As of `BareRun`.
    """

    def __init__(self, event_type: str, *, metadata: Mapping[str, Any] | None = None, **more: Any) -> None:
        super().__init__(**more)
        told = {"event_type": event_type, **(metadata or {})}
        self.ctx = FrameContext(event_type=event_type, metadata=told, **self._shown)

    @override
    def _described(self) -> str:
        return self.ctx.event_type


class BareTimer(BareRun[TimerContext, SyncTimerContext]):
    """
    For `@plugin.on_timer`, and with the handler's name for `@plugin.every` and `@plugin.cron`.

    Args:
        name: Of the timer; of a schedule the handler's.
        key: As the timer was set.
        data: As the timer was set.
        due_at: When it was to be called; by default now.
        more: As of `BareRun`.
    """

    def __init__(
        self, name: str, *, key: str = "", data: Any = None, due_at: datetime | None = None, **more: Any
    ) -> None:
        super().__init__(**more)
        self.ctx = TimerContext(name=name, key=key, data=data, due_at=due_at or _now(), **self._shown)

    @override
    def _described(self) -> str:
        return f"timer {self.ctx.name} {self.ctx.key}".rstrip()


class BareStart(BareRun[StartContext, SyncStartContext]):
    """For `@plugin.on_start`; arguments as of `BareRun`."""

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        self.ctx = StartContext(**self._shown)


class BareStop(BareRun[StopContext, SyncStopContext]):
    """For `@plugin.on_stop`; arguments as of `BareRun`."""

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        self.ctx = StopContext(**self._shown)


def shown(settings: Any, attempt: int) -> dict[str, Any]:
    """What every context shows."""
    return {
        "me": ME,
        "settings": {} if settings is None else settings,
        "log": structlog.get_logger(),
        "deadline": time.monotonic() + HANDLER_SECONDS,
        "attempt": attempt,
    }


def state_of(
    store: Mapping[str, Any] | None,
    chat_store: Mapping[str, Any] | None,
    timers: Collection[str],
    questions: Collection[str],
) -> PluginState:
    """What a plugin remembers, in memory."""
    return PluginState(
        items=_items(store or {}),
        chat_id=CHAT,
        chat_items=_items(chat_store or {}),
        timer_names=frozenset(timers),
        question_names=frozenset(questions),
    )


def _items(values: Mapping[str, Any]) -> dict[str, Item]:
    return {key: Item(json_text(value, f"the value of {key!r}"), 1) for key, value in values.items()}


def _now() -> datetime:
    return datetime.now(UTC)


def _listed(texts: Any) -> str:
    return ", ".join(map(repr, texts)) or "nothing"
