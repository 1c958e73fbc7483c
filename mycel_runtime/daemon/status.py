"""All that is known of one agent's process: what `mycel-runtime status` asks for over the control socket."""

from __future__ import annotations

import json
from typing import Final

from pydantic import BaseModel, Field

from mycel_runtime.daemon.held_loop import HeldLoopReport
from mycel_runtime.daemon.reload.agent_reload import ReloadReport
from mycel_runtime.daemon.reports.hearing_report import HearingReport
from mycel_runtime.daemon.reports.journal_report import JournalReport
from mycel_runtime.daemon.reports.network_report import NetworkReport
from mycel_runtime.daemon.reports.plugin_report import PluginReport
from mycel_runtime.daemon.reports.program_report import ProgramReport
from mycel_runtime.daemon.reports.speaking_report import SpeakingReport
from mycel_runtime.daemon.reports.work_report import WorkReport
from mycel_runtime.daemon.standby import StandbyReport

SCHEMA_VERSION: Final = 1


class LogReport(BaseModel, frozen=True, defer_build=True):
    """
    What was lost of what was to be told.

    Attributes:
        dropped_lines: Of standard output and error of the process: a full disk, a terminal that is gone, a pipe that
            nobody reads.
        failed_observers: How often one raised.
        traces_lost: Address of the receiver that takes no traces at present; empty: it does, or there is none.
        capture_failed: Why what runs are shown is not kept at present; empty: it is, or is not to be.
    """

    dropped_lines: int = 0
    failed_observers: int = 0
    traces_lost: str = ""
    capture_failed: str = ""


class Status(BaseModel, frozen=True, defer_build=True, populate_by_name=True, serialize_by_alias=True):
    """
    The whole process, as `mycel-runtime status --json` prints it. No token, no text of a message.

    Attributes:
        schema_version: Of this answer. Fields that are added do not change it; it grows when one is taken away or
            comes to mean something else. `systemd/status.schema.json` says what there is.
        problems: Why it is not ready; empty when it is.
        standby: That another process is at work on the identity, which makes this one no less ready; `None`: none is.
        held_loop: Which handler has last kept the event loop from everybody else; `None`: none has since the start.
        events: How often each fact was told since the start.
        reload: How the configuration was last read again.
    """

    # `schema` itself would hide a method of pydantic's.
    schema_version: int = Field(default=SCHEMA_VERSION, alias="schema")
    agent: str
    server: str
    user_id: str | None
    version: str
    pid: int
    started_at: float
    now: float
    ready: bool
    problems: tuple[str, ...]
    standby: StandbyReport | None = None
    network: NetworkReport = NetworkReport()
    hearing: HearingReport
    speaking: SpeakingReport
    work: WorkReport
    journal: JournalReport = JournalReport()
    plugins: tuple[PluginReport, ...] = ()
    held_loop: HeldLoopReport | None = None
    program: ProgramReport | None = None
    log: LogReport = LogReport()
    events: dict[str, int]
    reload: ReloadReport = ReloadReport()

    @property
    def database_problem(self) -> str:
        """Of the problems the one that the journal's database is away; empty: it is there."""
        return next((problem for problem in self.problems if problem.startswith("the database ")), "")


def schema_text() -> str:
    """The JSON Schema of a status as it is printed, as `systemd/status.schema.json` has it."""
    schema = Status.model_json_schema(mode="serialization", by_alias=True)
    return json.dumps(schema, indent=2, sort_keys=True) + "\n"
