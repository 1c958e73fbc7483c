"""What is known of one agent, gathered from all its parts at each look."""

from __future__ import annotations

import asyncio
import os
import time
from dataclasses import field
from typing import TYPE_CHECKING, Final, NamedTuple

from mycel_runtime.daemon.health import network_problems, problems_of
from mycel_runtime.daemon.release import VERSION
from mycel_runtime.daemon.reports.hearing_report import hearing_report
from mycel_runtime.daemon.reports.journal_report import JournalGrowth, JournalReport
from mycel_runtime.daemon.reports.network_report import network_report
from mycel_runtime.daemon.reports.plugin_report import plugin_reports
from mycel_runtime.daemon.reports.program_report import ProgramReport, installed_version
from mycel_runtime.daemon.reports.speaking_report import speaking_report
from mycel_runtime.daemon.reports.work_report import WorkReport, blocked_reports, work_report
from mycel_runtime.daemon.status import LogReport, Status
from mycel_runtime.errors import ConfigError, JournalError
from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.observe.output import dropped_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from mycel_runtime.daemon.agent_observers import AgentObservers
    from mycel_runtime.daemon.assembly import Parts
    from mycel_runtime.daemon.draining import Draining
    from mycel_runtime.daemon.reload.agent_reload import AgentReload
    from mycel_runtime.daemon.reports.hearing_report import HearingReport
    from mycel_runtime.daemon.reports.network_report import NetworkReport
    from mycel_runtime.daemon.reports.plugin_report import PluginReport
    from mycel_runtime.daemon.reports.program_report import ConfigDrift
    from mycel_runtime.daemon.reports.speaking_report import SpeakingReport
    from mycel_runtime.daemon.standby import Standby
    from mycel_runtime.journal.port.engine import JournalEngine
    from mycel_runtime.journal.port.journal import Journal
    from mycel_runtime.journal.summary import JournalSummary
    from mycel_runtime.settings import Settings
    from mycel_runtime.wire.ids import UserId


_LOOK_SECONDS: Final = 3.0
"""For which a host that stands by waits for what the journal holds: whoever asks for a status has not for ever."""


class _Beside(NamedTuple):
    """
    What a host that stands by has found.

    Attributes:
        work: Of the agent, wherever it is at work.
        trouble: Why nothing can be found; empty: it could.
    """

    work: WorkReport = WorkReport()
    trouble: str = ""

    def problem(self, known: str) -> str:
        """With what was known without a look, that the database is away, or empty."""
        if known and self.trouble:
            return f"{known}: {self.trouble}"
        return known or (self.trouble and f"the database cannot be asked: {self.trouble}")


@dataclass(slots=True, kw_only=True)
class AgentStatus:
    """
    Of an agent that may not have come to work yet; before, most of it is empty.

    Attributes:
        settings: As they were at the start.
        engine: Keeps the journal.
        reload: Knows how the last reload went.
        config_drift: Whether the file has changed since it was read.
        plugins: Names of all, also of those that could not be imported.
        observers: Know what has happened.
        draining: Whether it does what is due, and no more.
        standby: Whether another process is at work instead.
        journal: Open, if it is.
        started_at: Epoch seconds, of the process's start.
        clock: Likewise; the store's as soon as the journal is open, because most of what is told was stamped by it.
    """

    settings: Settings
    engine: JournalEngine
    reload: AgentReload
    config_drift: ConfigDrift
    plugins: Collection[str]
    observers: AgentObservers
    draining: Draining
    standby: Standby
    journal: Callable[[], Journal | None]
    started_at: float
    clock: Callable[[], float]
    _growth: JournalGrowth | None = field(default=None, init=False)
    _parts: Parts | None = field(default=None, init=False)

    def note_journal(self) -> None:
        """The journal is open, and its clock is what is told by from now on."""
        self.started_at += self.clock() - time.time()
        if (files := self.engine.files) is not None:
            self._growth = JournalGrowth(files, now=self.clock())

    def note_parts(self, parts: Parts | None) -> None:
        """The agent comes to work with them; `None`: it has ended to be."""
        self._parts = parts

    async def look(self) -> Status:
        """
        As it is now. What only the journal knows is empty while another program keeps everybody out of it.

        Cancelling: nothing is left; a thread ends its reading.
        """
        parts = self._parts
        summary = await self._read_summary(parts.me) if parts else None
        beside = await self._look_beside() if self.standby.report else _Beside()
        now = self.clock()
        hearing, network = hearing_report(parts), network_report(self.observers.network_health)
        problems = self._problems(hearing, network, beside, now)
        return Status(
            agent=self.settings.agent.name,
            server=self.settings.agent.base_url,
            user_id=self.standby.me,
            version=VERSION,
            pid=os.getpid(),
            started_at=self.started_at,
            now=now,
            ready=not problems,
            problems=problems,
            standby=self.standby.report,
            network=network,
            hearing=hearing,
            speaking=self._speaking(summary, now),
            work=_work(parts, summary) if parts else beside.work,
            journal=self._journal_report(now),
            plugins=self._plugin_reports(parts, summary) if parts else (),
            held_loop=self.observers.held_loop.report,
            program=ProgramReport(
                running=VERSION,
                installed=installed_version(),
                config=self.config_drift.look(),
                config_file=self.config_drift.file,
            ),
            log=LogReport(
                dropped_lines=dropped_lines(),
                failed_observers=self.observers.all.failed,
                traces_lost=self.observers.unkept.traces,
                capture_failed=self.observers.unkept.capture,
            ),
            events=dict(sorted(self.observers.counters.counts.items())),
            reload=self.reload.report,
        )

    def _journal_report(self, now: float) -> JournalReport:
        if self.engine.files is None:
            return JournalReport(database=self.engine.where)
        return self._growth.report(now) if self._growth else JournalReport()

    async def _read_summary(self, me: UserId) -> JournalSummary | None:
        """Of the journal; `None` while another program keeps everybody out of it, or its database is away."""
        if self.observers.database_outage.lasts:
            return None
        try:
            return await asyncio.to_thread(self.engine.reader.summary, me)
        except (JournalError, OSError):
            return None

    async def _look_beside(self) -> _Beside:
        """Of who stands by: what waits for whoever is at work, and why the database cannot be asked."""
        journal, me = self.journal(), self.standby.me
        if journal is None or me is None:
            return _Beside()
        try:
            async with asyncio.timeout(_LOOK_SECONDS):
                summary = await asyncio.to_thread(self.engine.reader.summary, me)
                pauses = () if self.standby.problem else await journal.pauses(me)
        except TimeoutError:
            return _Beside(trouble=f"it has not answered within {_LOOK_SECONDS:g} s")
        except (JournalError, ConfigError) as exc:
            return _Beside(trouble=str(exc).partition("\n")[0])
        return _Beside(work_report(summary.statistics, longest=summary.longest, pauses=pauses))

    def _problems(
        self, hearing: HearingReport, network: NetworkReport, beside: _Beside, now: float
    ) -> tuple[str, ...]:
        """What keeps it from being ready."""
        if self.standby.report is not None:
            return tuple(filter(None, (beside.problem(self.standby.problem), self.draining.problem)))
        interval = self.settings.inbox.reconcile_interval
        problems = problems_of(
            hearing,
            user_id=self.standby.me,
            interval=interval,
            now=now,
            trouble=self.observers.identification.trouble,
        )
        problems += network_problems(network, interval=interval, now=now)
        problems += self.observers.journal_lock.problems(now) + self.observers.database_outage.problems(now)
        problems += self.observers.awaited_token.problems(now)
        if self._parts and (twin := self._parts.twin_watch.problem):
            problems += (twin,)
        if draining := self.draining.problem:
            problems += (draining,)
        return problems

    def _speaking(self, summary: JournalSummary | None, now: float) -> SpeakingReport:
        if summary is None:
            return speaking_report(self.observers.counters, None, now=now)
        return speaking_report(
            self.observers.counters,
            summary.statistics,
            summary.holds,
            utterances=summary.utterances,
            questions=summary.questions,
            now=now,
        )

    def _plugin_reports(self, parts: Parts, summary: JournalSummary | None) -> tuple[PluginReport, ...]:
        quarantine = parts.dispatcher.quarantine
        return plugin_reports(
            self.plugins,
            starts=parts.dispatcher.lifecycle.waiting,
            left_alone=quarantine.plugins,
            unavailable=quarantine.reasons,
            timers=summary.timers if summary else (),
        )


def _work(parts: Parts, summary: JournalSummary | None) -> WorkReport:
    dispatcher = parts.dispatcher
    return work_report(
        summary.statistics if summary else None,
        dispatcher.quarantine.plugins,
        unavailable=dispatcher.quarantine.reasons,
        longest=summary.longest if summary else (),
        blocked=blocked_reports(dispatcher.blocked.chats),
        abandoned=dispatcher.abandoned,
        starts=dispatcher.lifecycle.waiting,
        pauses=parts.pauses.all,
    )
