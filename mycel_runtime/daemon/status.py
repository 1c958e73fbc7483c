"""All that is known of one agent's process: what `mycel-runtime status` asks for over the control socket."""

from __future__ import annotations

from pydantic import BaseModel

from mycel_runtime.daemon.hearing_report import HearingReport
from mycel_runtime.daemon.network_report import NetworkReport
from mycel_runtime.daemon.speaking_report import SpeakingReport
from mycel_runtime.daemon.work_report import WorkReport


class LogReport(BaseModel, frozen=True):
    """
    What was lost of what was to be told.

    Attributes:
        dropped_lines: Of standard output and error of the process: a full disk, a terminal that is gone, a pipe that
            nobody reads.
        failed_observers: How often one raised.
    """

    dropped_lines: int = 0
    failed_observers: int = 0


class Status(BaseModel, frozen=True):
    """
    The whole process, as `mycel-runtime status --json` prints it. No token, no text of a message.

    Attributes:
        problems: Why it is not ready; empty when it is.
        events: How often each fact was told since the start.
    """

    agent: str
    server: str
    user_id: str | None
    version: str
    pid: int
    started_at: float
    now: float
    ready: bool
    problems: tuple[str, ...]
    network: NetworkReport = NetworkReport()
    hearing: HearingReport
    speaking: SpeakingReport
    work: WorkReport
    log: LogReport = LogReport()
    events: dict[str, int]
