"""
Trouble that lasts: no start limit is reached, and the agent is well when it is over.

The drop-in of these rows starts again after a second, where the unit waits ten: a minute here is ten minutes of such
starts.
"""

from __future__ import annotations

import time

from tests.integration.systemd.resident import PROGRAM, Resident, await_true, serve
from tests.integration.systemd.rows import once

DEAD_PORT = 8050
DEAD_SECONDS = 75.0
"""Twice what ten starts take here: whoever ended each time would have reached the limit."""

COMEBACK_SECONDS = 60.0
"""`[inbox] backoff_cap`: over so long the clients of a backend that was down itself come back to it."""

LIVES = {"activating", "active"}
"""States of a unit that runs, or is being started (again)."""


def dead_backend(row, resident):
    """Nobody listens at the backend's address, at the start, over a SIGKILL, and again later on."""
    row.seen["READY s"] = round(resident.start(), 1)
    _lasts(row, resident)
    resident.systemctl("kill", "--kill-who=main", "--signal=KILL")
    await_true("it is started again", lambda: resident.restarts() == 1)
    await_true("READY again", lambda: resident.shown("SubState")["SubState"] == "running")
    row.hold("it is not ready, and says so", that=not resident.status()["ready"])
    row.hold(
        f"systemctl tells: {resident.shown('StatusText')}",
        that="waiting for the backend" in resident.shown("StatusText")["StatusText"],
    )
    resident.begin_backend()
    row.seen["back to ready s"] = _seconds_to_ready(row, resident)
    resident.say("hello")
    row.hold("the answer", that=resident.answer_to("hello") == "heard hello")
    resident.end_backend()
    _lasts(row, resident)
    row.hold("it is told that it went", that=not resident.status()["ready"])
    resident.begin_backend()
    row.seen["again s"] = _seconds_to_ready(row, resident)
    resident.say("again")
    row.hold("the answer again", that=resident.answer_to("again") == "heard again")
    row.hold(f"no other start: {resident.restarts()}", that=resident.restarts() == 1)
    once(row, resident, "hello", "again")


class Abandoned(Resident):
    """One whose backend comes and goes: it is its own, has made the agent, and is gone."""

    @property
    def _backend(self):
        return f"backend-{self.name}"

    def make(self):
        self.begin_backend()
        super().make()
        self.end_backend()
        return self

    def begin_backend(self):
        database = f"/var/lib/{self._backend}.sqlite3"
        options = ("--port", str(self.port), "--database", database)
        serve(self.container, self._backend, PROGRAM, "backend", *options)
        await_true("the backend listens", self.is_backend_there)

    def end_backend(self):
        self.container.run("systemctl", "stop", self._backend)


def _lasts(row, resident):
    """The unit is there all the time that the trouble lasts."""
    ends_at = time.monotonic() + DEAD_SECONDS
    while time.monotonic() < ends_at:
        shown = resident.shown("ActiveState", "NRestarts", "Result")
        if shown["ActiveState"] not in LIVES:
            row.hold(f"it was given up: {shown}", that=False)
            return
        time.sleep(1)


def _seconds_to_ready(row, resident):
    began = time.monotonic()
    await_true("it is ready", lambda: resident.status().get("ready"), 2 * COMEBACK_SECONDS)
    seconds = round(time.monotonic() - began, 1)
    row.hold(f"ready within the longest backoff: {seconds}", that=seconds <= COMEBACK_SECONDS)
    return seconds


def stays_full(row, resident):
    """Another program takes whatever room there is on the disk; then it ends, and there is room again."""
    filler = f"filler-{resident.name}"
    greedy = f"while :; do cat /dev/zero >>{resident.state}/fill 2>/dev/null; sleep 0.05; done"
    serve(resident.container, filler, "sh", "-c", greedy)
    resident.say("full")
    await_true("it ends and is started again", lambda: resident.restarts() > 0)
    _lasts(row, resident)
    text = resident.shown("StatusText")["StatusText"]
    row.hold(f"systemctl tells: {text}", that="waiting for room" in text)
    row.seen["starts"] = starts = resident.restarts()
    # It ends once or twice: what ends gives back the room of the journal's log.
    row.hold(f"it waits instead of ending: {starts} starts", that=starts <= 3)
    resident.container.run("systemctl", "stop", filler)
    began = time.monotonic()
    resident.container.run("rm", f"{resident.state}/fill")
    row.hold("the answer", that=resident.answer_to("full") == "heard full")
    row.seen["space to answer s"] = round(time.monotonic() - began, 1)
    once(row, resident, "hello", "full")
