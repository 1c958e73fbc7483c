"""Logged turns, one after the other, through the code that there is now."""

from __future__ import annotations

import time
from dataclasses import field
from typing import TYPE_CHECKING, Final, Literal

from mycel_runtime.dispatch.handler_calls import HandlerCalls
from mycel_runtime.dispatch.plugin_states import question_names_of, timer_names_of
from mycel_runtime.dispatch.verdict import Unanswered
from mycel_runtime.errors import PermissionDeniedError, UnavailableError
from mycel_runtime.journal.ids import HandlerId, plugin_of
from mycel_runtime.journal.turns import done_from, done_of, said_from
from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.plugin.subscription import HookSubscription
from mycel_runtime.replay.capture import CapturedChat, CapturedRequest
from mycel_runtime.replay.comparison import RETURNED, Conduct, Difference, differences
from mycel_runtime.replay.memory import Memory
from mycel_runtime.replay.sources import NotReplayableError
from mycel_runtime.replay.stage import NotHeardError, Stage, Staged

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Collection, Iterable, Sequence

    from mycel_runtime.journal.capture_file import CapturedRuns
    from mycel_runtime.journal.changes import Changes
    from mycel_runtime.journal.port.turn_log import TurnLog
    from mycel_runtime.journal.turns import LoggedTurn
    from mycel_runtime.plugin.registry import BoundHandler
    from mycel_runtime.replay.reading_client import ReadingClient
    from mycel_runtime.settings import DispatchSettings
    from mycel_runtime.wire.ids import UserId

_NOT_RUN: Final = "not run"

_UNREAD: Final = "not all of what it is shown was captured, and offline the backend is not asked"

_WRITES: Final = "it writes by ctx.sdk, which a replay does not, and what it was answered is kept nowhere"

Outcome = Literal["same", "differs", "skipped"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """
    What became of a turn.

    Attributes:
        reason: Why it was skipped.
        is_captured: It was shown what the daemon had kept, and not what was read again.
        uncertain: Turns that wrote what is remembered nowhere, and this one may have been run on; as of `Memory`.
        texts: What would be said, reply by reply.
        uttered_texts: What would be said first elsewhere, one by one.
    """

    turn: LoggedTurn
    outcome: Outcome
    differences: tuple[Difference, ...] = ()
    reason: str = ""
    is_captured: bool = False
    uncertain: tuple[int, ...] = ()
    texts: tuple[str, ...] = field(default=(), repr=False)
    uttered_texts: tuple[str, ...] = field(default=(), repr=False)


class Replay:
    """
    Of one identity.

    Args:
        log: Its turns.
        sdk: As the identity; reads only.
        handlers: Of all plugins.
        me: The identity.
        settings: `[dispatch]`.
        captured: What the daemon has kept.
    """

    def __init__(
        self,
        log: TurnLog,
        *,
        sdk: ReadingClient,
        handlers: Sequence[BoundHandler],
        me: UserId,
        settings: DispatchSettings,
        captured: CapturedRuns,
    ) -> None:
        self._log = log
        self._sdk = sdk
        self._handlers = {bound.handler.id: bound for bound in handlers}
        self._memory = Memory(log.items(), log.turns(), hooked_plugins(handlers))
        self._calls = HandlerCalls()
        self._stage = Stage(
            sdk=sdk,
            captured=captured,
            memory=self._memory,
            timer_names=timer_names_of(bound.handler for bound in handlers),
            question_names=question_names_of(bound.handler for bound in handlers),
            me=me,
            settings=settings,
        )

    async def run(self, chosen: Collection[int]) -> AsyncGenerator[Replayed, None]:
        """
        Replay these turns, in the order in which they ended; the others only tell what was remembered.

        Raises:
            ApiError, UnavailableError: A body cannot be read.
            JournalError: The log cannot be read.

        Cancelling: loses nothing; the handler is cancelled.
        """
        left = set(chosen)
        try:
            for turn in self._log.turns():
                if not left:
                    return
                if turn.turn_id in left:
                    left.remove(turn.turn_id)
                    yield await self._replay(turn)
                else:
                    self._memory.go_on(turn, done_from(turn.done))
        finally:
            await self._calls.close()

    async def _replay(self, turn: LoggedTurn) -> Replayed:
        done = done_from(turn.done)
        bound = self._handlers.get(HandlerId(turn.handler))
        uncertain = self._memory.uncertain(turn.handler, turn.chat_id)
        staged = None if bound is None else await self._set_up(turn, bound)
        if bound is None or staged is None:
            self._memory.go_on(turn, done)
            return _not_run(turn)
        if isinstance(staged, str):
            self._memory.go_on(turn, done)
            return Replayed(turn=turn, outcome="skipped", reason=staged)
        now, refused, unread = time.time(), self._sdk.refused, self._sdk.unread
        raised = await self._call(bound, staged)
        changes = staged.context.run.changes
        self._memory.learn(changes)
        self._memory.go_on(turn, done, changes)
        lacking = staged.port.lacking if isinstance(staged.port, CapturedChat) else ""
        if self._sdk.refused > refused:
            lacking = _WRITES
        if self._sdk.unread > unread:
            lacking = _UNREAD
        if lacking:
            return Replayed(turn=turn, outcome="skipped", reason=lacking)
        was = Conduct(
            began_at=turn.began_at,
            ended_at=turn.ended_at,
            now=turn.began_at,
            said=said_from(turn.said),
            # The functions of `on_give_up` are not run: what they have changed is none of the handler's.
            done=done._replace(items=(), timers=()) if turn.raised else done,
            raised=turn.raised,
        )
        found = differences(was, _conduct(turn, staged, changes, raised, now=now))
        return Replayed(
            turn=turn,
            outcome="differs" if found else "same",
            differences=found,
            is_captured=staged.is_captured,
            uncertain=uncertain if found else (),
            texts=tuple(staged.port.texts) if isinstance(staged.port, CapturedChat) else (),
            uttered_texts=tuple(staged.voice.texts),
        )

    async def _set_up(self, turn: LoggedTurn, bound: BoundHandler) -> Staged | str | None:
        """The run; or why it cannot be; `None`: the handler does not want it."""
        unread = self._sdk.unread
        try:
            return await self._stage.set_up(turn, bound)
        except NotReplayableError as exc:
            return exc.why
        except NotHeardError:
            return None
        except PermissionDeniedError:
            if self._sdk.unread == unread:
                raise
            return _UNREAD

    async def _call(self, bound: BoundHandler, staged: Staged) -> str:
        """Run the handler; why its delivery would be given up, or tried again."""
        ended = await self._calls.run(bound, staged.context)
        if isinstance(ended, Unanswered):
            raise UnavailableError(f"a replayed run cannot go on: {ended.letter.reason}", fix="Try again.")
        return "" if ended is None else ended.letter.reason


def hooked_plugins(handlers: Iterable[BoundHandler]) -> frozenset[str]:
    """Plugins with hooks of the start or the stop."""
    return frozenset(
        plugin_of(bound.handler.id)
        for bound in handlers
        if isinstance(bound.handler.subscription, HookSubscription)
    )


def _not_run(turn: LoggedTurn) -> Replayed:
    """The changed code has no such handler, or it does not want what this one was shown."""
    end = Difference("end", "", {"end": turn.raised or RETURNED}, {"end": _NOT_RUN})
    return Replayed(turn=turn, outcome="differs", differences=(end,))


def _conduct(turn: LoggedTurn, staged: Staged, changes: Changes, raised: str, *, now: float) -> Conduct:
    port = staged.port
    return Conduct(
        began_at=turn.began_at,
        ended_at=turn.began_at,
        now=now,
        said=port.said if isinstance(port, CapturedChat) else (),
        done=done_of(
            changes, port.decided if isinstance(port, CapturedRequest) else (), staged.voice.uttered
        ),
        raised=raised,
    )
