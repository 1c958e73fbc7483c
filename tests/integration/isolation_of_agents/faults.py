"""What one agent's journal, token, plugins or backend may do; none of it is to cost the others anything."""

from __future__ import annotations

import contextlib
import os
import secrets
import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.integration.isolation_of_agents.stage import NotHereError

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from tests.integration.isolation_of_agents.stage import Stage, Victim

ALWAYS = 10**9
"""Times that a backend does it."""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """
    One that lasts while its context is open; what it leaves behind is its victim's alone, who is dismissed then.

    Attributes:
        of: Brings it about.
        has_small_disk: Whether the victim's journal is to be on a disk of its own.
    """

    of: Callable[[Stage, Victim], AbstractContextManager[None]]
    has_small_disk: bool = False

    @property
    def name(self):
        """As its function is called."""
        return self.of.__name__


# The journal


@contextlib.contextmanager
def damaged_journal(_, victim):
    """Pages of the file and of its log are overwritten under it."""
    for file in victim.state.glob("journal.sqlite3*"):
        if not file.name.endswith("-shm"):
            with file.open("r+b") as opened:
                opened.write(secrets.token_bytes(max(4096, file.stat().st_size)))
    yield


@contextlib.contextmanager
def removed_journal(_, victim):
    for file in victim.state.glob("journal.sqlite3*"):
        file.unlink()
    yield


@contextlib.contextmanager
def full_disk(_, victim):
    with contextlib.suppress(OSError), (victim.state / "fill").open("wb", buffering=0) as fill:
        while True:
            fill.write(b"x" * 4096)
    yield


@contextlib.contextmanager
def slow_disk(stage, victim):
    """Each sync takes half a second more."""
    if not (stage.folder / "slow_disk.so").exists():
        raise NotHereError("there is no C compiler")
    order = stage.folder / "victims" / "slow"
    order.touch()
    try:
        yield
    finally:
        order.unlink()


@contextlib.contextmanager
def locked_journal(_, victim):
    """By another program."""
    with contextlib.closing(sqlite3.connect(victim.journal, isolation_level=None)) as journal:
        journal.execute("BEGIN IMMEDIATE")
        yield
        journal.execute("ROLLBACK")


# The token


@contextlib.contextmanager
def revoked_token(_, victim):
    """401."""
    victim.fail_calls("revoke_token", victim.token.read_text())
    victim.fail_calls("drop_streams")
    yield


@contextlib.contextmanager
def forbidden_calls(_, victim):
    """403."""
    victim.fail_calls("refuse", 403, ALWAYS)
    victim.fail_calls("drop_streams")
    yield


@contextlib.contextmanager
def hanging_token_file(_, victim):
    """Revoked, and where the next one should be is a pipe that nobody writes to."""
    token = victim.token.read_text()
    victim.token.unlink()
    os.mkfifo(victim.token, 0o600)
    victim.fail_calls("revoke_token", token)
    victim.fail_calls("drop_streams")
    yield


# The backend


@contextlib.contextmanager
def stopped_backend(stage, victim):
    stage.far.do("stop")
    yield
    stage.far.do("start")


@contextlib.contextmanager
def hanging_backend(stage, victim):
    """Connections are taken, and nothing is ever answered."""
    stage.far.hang()
    stage.is_far_hanging = True
    try:
        yield
    finally:
        stage.is_far_hanging = False
        stage.far.go_on()


@contextlib.contextmanager
def failing_backend(_, victim):
    """500, to everything."""
    victim.fail_calls("refuse", 500, ALWAYS)
    victim.fail_calls("drop_streams")
    yield


@contextlib.contextmanager
def slow_backend(_, victim):
    """Each answer takes ten seconds."""
    victim.fail_calls("delay", 10.0, ALWAYS)
    yield


@contextlib.contextmanager
def half_open_stream(_, victim):
    victim.fail_calls("half_open_streams")
    yield


@contextlib.contextmanager
def flood_of_frames(_, victim):
    """Fifty thousand, which announce messages in a thousand chats."""
    victim.fail_calls("blast", 50_000, victim.name, 0, 1000)
    yield


@contextlib.contextmanager
def frames_that_make_no_sense(_, victim):
    for _ in range(1000):
        victim.fail_calls("send_raw", "{" * 1000, victim.name)
    yield


# The configuration


@contextlib.contextmanager
def wrong_file(_, victim):
    """And it is read again."""
    victim.config.write_text("[agent\nname = 3\n")
    victim.reload()
    yield


# The plugins


def commanded(text, name):
    """A fault of a plugin that does what it is told in each chat of those who tell it."""

    @contextlib.contextmanager
    def command(_, victim):
        victim.command(text)
        yield

    command.__name__ = name
    return Fault(of=command)


@contextlib.contextmanager
def ten_thousand_timers(stage, victim):
    """All ring, and are set again, every second."""
    order = stage.folder / "ringing"
    order.touch()
    victim.command("timers")
    try:
        yield
    finally:
        order.unlink()


@contextlib.contextmanager
def giant_texts(_, victim):
    """In both directions."""
    victim.command("giant" + "x" * 500_000)
    yield


FAULTS = (
    Fault(of=damaged_journal),
    Fault(of=removed_journal),
    Fault(of=full_disk, has_small_disk=True),
    Fault(of=slow_disk),
    Fault(of=locked_journal),
    Fault(of=revoked_token),
    Fault(of=forbidden_calls),
    Fault(of=hanging_token_file),
    Fault(of=stopped_backend),
    Fault(of=hanging_backend),
    Fault(of=failing_backend),
    Fault(of=slow_backend),
    Fault(of=half_open_stream),
    Fault(of=frames_that_make_no_sense),
    Fault(of=flood_of_frames),
    Fault(of=wrong_file),
    commanded("raise", "raising_handlers"),
    commanded("linger", "leaking_handlers"),
    commanded("block", "blocked_threads"),
    commanded("whirl", "spinning_threads"),
    commanded("ignore", "ignored_cancellation"),
    commanded("close", "closed_client"),
    commanded("leave", "exiting_handlers"),
    commanded("flood", "flood_of_words"),
    commanded("remember", "ten_megabytes_remembered"),
    commanded("chatter", "flood_of_log_lines"),
    Fault(of=giant_texts),
    Fault(of=ten_thousand_timers),
    commanded("spin", "spinning_processes"),
    commanded("quit", "dying_processes"),
    commanded("eat", "hungry_processes"),
)
