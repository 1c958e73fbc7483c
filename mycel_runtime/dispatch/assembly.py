"""
Where the half that gives handlers their turns is put together.

Each part is made when the first that needs it is made. So their order is nobody's care; and whatever needs itself,
by however many others, cannot be written down here. None of them refers to this place, which is gone once they are
made: it would stay with each agent of a process.
"""

from __future__ import annotations

from dataclasses import field
from functools import cached_property
from typing import TYPE_CHECKING

from mycel_runtime.dispatch.anchor import Anchor
from mycel_runtime.dispatch.attempt import Attempts
from mycel_runtime.dispatch.backlog import Backlog
from mycel_runtime.dispatch.blocked_chats import BlockedChats
from mycel_runtime.dispatch.capture import Capture
from mycel_runtime.dispatch.chat_reader import ChatReader
from mycel_runtime.dispatch.claims import CalledLanes, EveryLane, Informed, NoLane, Share
from mycel_runtime.dispatch.delivery_ends import DeliveryEnds
from mycel_runtime.dispatch.dispatcher import Dispatcher
from mycel_runtime.dispatch.due_time import DueTime
from mycel_runtime.dispatch.entry_attempt import EntryAttempts
from mycel_runtime.dispatch.handler_bounds import HandlerBounds
from mycel_runtime.dispatch.handler_calls import HandlerCalls
from mycel_runtime.dispatch.hook_attempt import HookAttempts
from mycel_runtime.dispatch.interruption import Announcements
from mycel_runtime.dispatch.lanes import chat_lane
from mycel_runtime.dispatch.left_alone import LeftAlone
from mycel_runtime.dispatch.lifecycle import Lifecycle
from mycel_runtime.dispatch.listeners import Listeners
from mycel_runtime.dispatch.lively_chats import LivelyChats
from mycel_runtime.dispatch.message_attempt import MessageAttempts
from mycel_runtime.dispatch.message_run import MessageRuns
from mycel_runtime.dispatch.plugin_reader import PluginReader
from mycel_runtime.dispatch.plugin_states import PluginStates
from mycel_runtime.dispatch.quarantine import Quarantine
from mycel_runtime.dispatch.questions import Questions
from mycel_runtime.dispatch.suspects import Suspects
from mycel_runtime.dispatch.timekeeper import Timekeeper
from mycel_runtime.dispatch.timer_attempt import TimerAttempts
from mycel_runtime.dispatch.told_versions import ToldVersions
from mycel_runtime.dispatch.tool_runs import ToolRuns
from mycel_runtime.dispatch.tool_speech import ToolSpeech
from mycel_runtime.dispatch.tools import Tools
from mycel_runtime.dispatch.turn_settings import TurnSettings
from mycel_runtime.dispatch.utterance_attempt import UtteranceAttempts
from mycel_runtime.dispatch.wakes import Wakes
from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.lean_event import LeanEvent
from mycel_runtime.observe.durations import Durations, Unmeasured
from mycel_runtime.observe.trace import Traces, Untraced
from mycel_runtime.plugin.asking import Asking
from mycel_runtime.plugin.roster import Roster
from mycel_runtime.plugin.subject import SubjectReader
from mycel_runtime.plugin.voice import AgentChats, VoiceDependencies

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from mycel_runtime.dispatch.claims import Claims
    from mycel_runtime.dispatch.loop_guard import LoopGuard
    from mycel_runtime.journal.capture_file import CaptureFile
    from mycel_runtime.journal.ids import HandlerId
    from mycel_runtime.journal.port.journal import Journal
    from mycel_runtime.observe.observer import Observer
    from mycel_runtime.plugin.handler import Handler
    from mycel_runtime.plugin.registry import BoundHandler
    from mycel_runtime.sdk import AsyncClient
    from mycel_runtime.settings import DispatchSettings
    from mycel_runtime.speech.outbox import Outbox
    from mycel_runtime.speech.pauses import Pauses
    from mycel_runtime.speech.twin_watch import TwinWatch
    from mycel_runtime.wire.ids import UserId


@dataclass(frozen=True, kw_only=True)
class DispatchAssembly:
    """
    Of one identity.

    Attributes:
        journal: Where deliveries are.
        sdk: As the identity.
        outbox: How handlers speak.
        loop_guard: May hold a chat.
        twin_watch: Says whether somebody else speaks as the identity; then nothing is claimed.
        pauses: Say what is paused.
        handlers: Of all plugins, by id.
        me: The identity.
        settings: `[dispatch]`.
        observer: Told by every part.
        draw: Random numbers in [0, 1).
        state_dir: Where the daemon's socket is.
        suspects: Deliveries that were running when a process died.
        share: What of the work is this process's.
        capture_file: Where what runs were shown is kept; `None`: nowhere.
        durations: Told how long deliveries wait, and handlers run.
        traces: Follows deliveries.
    """

    journal: Journal
    sdk: AsyncClient
    outbox: Outbox
    loop_guard: LoopGuard
    twin_watch: TwinWatch
    pauses: Pauses
    handlers: Mapping[HandlerId, BoundHandler]
    me: UserId
    settings: DispatchSettings
    observer: Observer
    draw: Callable[[], float]
    state_dir: Callable[[], Path]
    suspects: int
    share: Share = Share.EVERYTHING
    capture_file: CaptureFile | None = None
    durations: Durations = field(default_factory=Unmeasured)
    traces: Traces = field(default_factory=Untraced)

    @cached_property
    def _clock(self) -> Callable[[], float]:
        """One for all who ask: each look at `journal.now` makes another."""
        return self.journal.now

    @cached_property
    def dispatcher(self) -> Dispatcher:
        """The loop."""
        twin_watch, pauses = self.twin_watch, self.pauses
        return Dispatcher(
            journal=self.journal,
            claims=Informed(self._claims, self.learn) if self.journal.is_shared else self._claims,
            me=self.me,
            attempts=self.attempts,
            ends=self._ends,
            bounds=self._bounds,
            clock=self._clock,
            work=self._work,
            due_time=self._due_time,
            suspects=self.suspects_here,
            blocked=self._blocked,
            timekeeper=self._timekeeper,
            lifecycle=self._lifecycle,
            quarantine=self._quarantine,
            is_held=lambda: twin_watch.is_holding or pauses.is_agent_paused,
            is_paused=self.pauses.holds,
            durations=self.durations,
            traces=self.traces,
        )

    @cached_property
    def _claims(self) -> Claims:
        if self.share is Share.CALLED:
            return self.called_lanes
        return EveryLane(self.journal, self.me) if self.share is Share.EVERYTHING else NoLane()

    @cached_property
    def called_lanes(self) -> CalledLanes:
        """What this process was called to."""
        return CalledLanes(self.journal, self.me, wake=self._work.set)

    async def learn(self) -> None:
        """
        What other processes have written, of what is kept in mind here.

        Raises:
            JournalError: The journal failed.

        Cancelling: some of it is known, the rest is read when it is needed.
        """
        self._states.forget_all()
        self.loop_guard.forget()
        await self.pauses.learn()

    @cached_property
    def turn_settings(self) -> TurnSettings:
        """Who is to know when they are others."""
        return TurnSettings(
            bounds=self._bounds,
            lively_chats=self._lively_chats,
            quarantine=self._quarantine,
            lifecycle=self._lifecycle,
            dispatcher=self.dispatcher,
        )

    @cached_property
    def attempts(self) -> Attempts:
        """Who runs a delivery."""
        return Attempts(
            handlers=self.handlers,
            messages=self._messages,
            entries=self._entries,
            timers=self._timers,
            utterances=self._utterances,
            outbox=self.outbox,
            calls=self._calls,
            bounds=self._bounds,
            states=self._states,
            questions=self._questions,
            announcements=self._announcements,
            tools=self._tools,
            backlog=Backlog(sdk=self.sdk, anchor=self._anchor, me=self.me),
            work_comes=self._work.set,
        )

    @cached_property
    def _ends(self) -> DeliveryEnds:
        return DeliveryEnds(
            journal=self.journal,
            me=self.me,
            attempts=self.attempts,
            bounds=self._bounds,
            observer=self.observer,
            clock=self._clock,
            draw=self.draw,
            work=self._work,
            suspects=self.suspects_here,
            blocked=self._blocked,
            is_paused=self.pauses.holds,
        )

    @cached_property
    def _due_time(self) -> DueTime:
        return DueTime(self.journal, self.me, clock=self._clock)

    @cached_property
    def suspects_here(self) -> Suspects:
        """When it is one's turn."""
        return Suspects(self.suspects)

    @cached_property
    def _blocked(self) -> BlockedChats:
        return BlockedChats(self.outbox.evidence, clock=self._clock)

    @cached_property
    def _capture(self) -> Capture | None:
        return None if self.capture_file is None else Capture(file=self.capture_file, me=self.me)

    @cached_property
    def _work(self) -> LeanEvent:
        work = LeanEvent()
        self.journal.on_work(self.me, Wakes(work, self._due_time, self._timekeeper))
        return work

    @cached_property
    def _calls(self) -> HandlerCalls:
        return HandlerCalls(durations=self.durations, observer=self.observer)

    @cached_property
    def _bounds(self) -> HandlerBounds:
        return HandlerBounds(self.settings)

    @cached_property
    def _announcements(self) -> Announcements:
        return Announcements()

    @cached_property
    def _roster(self) -> Roster:
        return Roster(self.sdk)

    @cached_property
    def _agent_chats(self) -> AgentChats:
        return AgentChats(self.sdk)

    @cached_property
    def _lively_chats(self) -> LivelyChats:
        return LivelyChats(self.settings, clock=self._clock)

    @cached_property
    def _unbound(self) -> Sequence[Handler]:
        return [bound.handler for bound in self.handlers.values()]

    @cached_property
    def _timekeeper(self) -> Timekeeper:
        return Timekeeper(
            journal=self.journal,
            me=self.me,
            handlers=() if self.share is Share.CALLED else self._unbound,
            observer=self.observer,
            clock=self._clock,
        )

    @cached_property
    def _questions(self) -> Questions:
        return Questions(
            journal=self.journal,
            sdk=self.sdk,
            me=self.me,
            handlers=self._unbound,
            observer=self.observer,
            is_shared=self.journal.is_shared,
        )

    @cached_property
    def _states(self) -> PluginStates:
        return PluginStates(journal=self.journal, me=self.me, handlers=self._unbound, clock=self._clock)

    @cached_property
    def _anchor(self) -> Anchor:
        return Anchor(
            journal=self.journal, sdk=self.sdk, roster=self._roster, past_cap=self.settings.past_cap
        )

    @cached_property
    def _listeners(self) -> Listeners:
        return Listeners(journal=self.journal, anchor=self._anchor, handlers=self.handlers, me=self.me)

    @cached_property
    def _reader(self) -> ChatReader:
        return ChatReader(
            journal=self.journal,
            sdk=self.sdk,
            roster=self._roster,
            loop_guard=self.loop_guard,
            questions=self._questions,
            me=self.me,
            evidence=self.outbox.evidence,
            clock=self._clock,
        )

    @cached_property
    def _plugin_reader(self) -> PluginReader:
        return PluginReader(
            journal=self.journal,
            sdk=self.sdk,
            roster=self._roster,
            listeners=self._listeners,
            questions=self._questions,
            me=self.me,
            evidence=self.outbox.evidence,
            clock=self._clock,
            hole_grace=self.settings.hole_grace,
            wake=self._work.set,
        )

    @cached_property
    def _voices(self) -> VoiceDependencies:
        return VoiceDependencies(
            journal=self.journal,
            me=self.me,
            chats=self._agent_chats,
            clock=self._clock,
            lane_of=chat_lane,
            reading=self._plugin_reader.reading,
            asking=Asking(
                handlers=self._questions.handlers,
                roster=self._roster,
                me=self.me,
                asks=self._questions.note_asked,
            ),
        )

    @cached_property
    def _tool_runs(self) -> ToolRuns:
        return ToolRuns(me=self.me, state_dir=self.state_dir)

    @cached_property
    def _tools(self) -> Tools:
        speech = ToolSpeech(
            journal=self.journal,
            sdk=self.sdk,
            roster=self._roster,
            me=self.me,
            clock=self._clock,
        )
        return Tools(
            reader=self._plugin_reader,
            speech=speech,
            runs=self._tool_runs,
            agent_chats=self._agent_chats,
            observer=self.observer,
        )

    @cached_property
    def _messages(self) -> MessageAttempts:
        return MessageAttempts(
            reader=self._reader,
            anchor=self._anchor,
            outbox=self.outbox,
            loop_guard=self.loop_guard,
            twin_watch=self.twin_watch,
            questions=self._questions,
            lively_chats=self._lively_chats,
            runs=self._message_runs,
            hole_grace=self.settings.hole_grace,
            draw=self.draw,
        )

    @cached_property
    def _message_runs(self) -> MessageRuns:
        return MessageRuns(
            calls=self._calls,
            reader=self._reader,
            twin_watch=self.twin_watch,
            loop_guard=self.loop_guard,
            lively_chats=self._lively_chats,
            announcements=self._announcements,
            states=self._states,
            bounds=self._bounds,
            voices=self._voices,
            tool_runs=self._tool_runs,
            sdk=self.sdk,
            roster=self._roster,
            me=self.me,
            clock=self._clock,
            capture=self._capture,
        )

    @cached_property
    def _entries(self) -> EntryAttempts:
        return EntryAttempts(
            journal=self.journal,
            subjects=SubjectReader(self.sdk),
            told=ToldVersions(self.journal),
            states=self._states,
            bounds=self._bounds,
            call=self._calls.run,
            voices=self._voices,
            me=self.me,
            clock=self._clock,
            observer=self.observer,
            capture=self._capture,
        )

    @cached_property
    def _timers(self) -> TimerAttempts:
        return TimerAttempts(
            sdk=self.sdk,
            states=self._states,
            bounds=self._bounds,
            call=self._calls.run,
            voices=self._voices,
            me=self.me,
            clock=self._clock,
            capture=self._capture,
        )

    @cached_property
    def _hooks(self) -> HookAttempts:
        return HookAttempts(
            sdk=self.sdk,
            states=self._states,
            bounds=self._bounds,
            call=self._calls.run,
            me=self.me,
            voices=self._voices,
        )

    @cached_property
    def _lifecycle(self) -> Lifecycle:
        return Lifecycle(
            hooks=self._hooks,
            handlers=self.handlers.values(),
            journal=self.journal,
            me=self.me,
            settings=self.settings,
            observer=self.observer,
            clock=self._clock,
            draw=self.draw,
            outliving=self._calls.abandoned.of,
        )

    @cached_property
    def _quarantine(self) -> Quarantine:
        return Quarantine(
            self.settings, observer=self.observer, clock=self._clock, outliving=self._calls.abandoned.of
        )

    @cached_property
    def _utterances(self) -> UtteranceAttempts:
        return UtteranceAttempts(
            sdk=self.sdk,
            outbox=self.outbox,
            roster=self._roster,
            loop_guard=self.loop_guard,
            twin_watch=self.twin_watch,
            listeners=self._listeners,
            handlers=self.handlers,
            me=self.me,
            observer=self.observer,
            left_alone=LeftAlone(self._quarantine, self._lifecycle, self.pauses).plugins,
            questions=self._questions,
        )
