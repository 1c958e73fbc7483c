"""
What systemd is told, over the socket that it names.

Ten lines of our own: `sdnotify` has not been released since 2017, `systemd-python` needs headers to build.

Source: sd_notify(3).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import time
from typing import TYPE_CHECKING, Final

from typing_extensions import override

from mycel_runtime.observe.facts import (
    DatabaseLost,
    DatabaseRegained,
    DiskFull,
    IdentityUnknown,
    LeaseLost,
    LoopFreed,
    LoopHeld,
    PluginImporting,
    StandbyBegun,
    StreamConnected,
    StreamEnded,
)
from mycel_runtime.observe.observer import Choosy

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection

    from mycel_runtime.observe.facts import Fact

READY: Final = "READY=1"
STOPPING: Final = "STOPPING=1"
WATCHDOG: Final = "WATCHDOG=1"

_LONGEST_STATUS: Final = 300


def notify(*assignments: str) -> None:
    """Send assignments such as `READY=1`; does nothing when no supervisor listens, or none any more."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    kind = socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
    with socket.socket(socket.AF_UNIX, kind) as channel, contextlib.suppress(OSError):
        channel.sendto("\n".join(assignments).encode(), address.replace("@", "\0", 1))


def reloading() -> tuple[str, str]:
    """
    A reload begins; READY ends it.

    Source: sd_notify(3): the time lets systemd tell this reload from an earlier one.
    """
    return "RELOADING=1", f"MONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}"


def extended(seconds: float) -> str:
    """
    The stop takes longer: not before so many seconds from now it has taken too long.

    Source: sd_notify(3).
    """
    return f"EXTEND_TIMEOUT_USEC={round(seconds * 1_000_000)}"


def status(text: str) -> str:
    """
    The assignment behind `systemctl status`'s line.

    One line, or a server's text would be assignments too; printable, or it would steer the operator's terminal.
    """
    line = " ".join(text.split())
    printable = "".join(character if character.isprintable() else "?" for character in line)
    return f"STATUS={printable[:_LONGEST_STATUS]}"


class StatusLine(Choosy):
    """Keeps `systemctl status` up to date."""

    @property
    @override
    def kinds(self) -> Collection[type[Fact]]:
        return (
            PluginImporting,
            DatabaseLost,
            DatabaseRegained,
            DiskFull,
            IdentityUnknown,
            LoopFreed,
            LoopHeld,
            LeaseLost,
            StandbyBegun,
            StreamConnected,
            StreamEnded,
        )

    @override
    def tell(self, fact: Fact) -> None:
        if text := _waited_for(fact) or _stands_by(fact) or _noticed(fact):
            notify(status(text))


def _waited_for(fact: Fact) -> str:
    """What the agent waits for; empty if the fact says nothing of that."""
    match fact:
        case PluginImporting(plugin=plugin):
            return f"importing plugin {plugin}"
        case DiskFull(where=where, detail=detail):
            return f"waiting for room on the disk ({detail} in {where})"
        case DatabaseLost(where=where, reason=reason):
            return f"waiting for the database {where} ({reason})"
        case IdentityUnknown(error=error):
            return f"waiting for the backend ({error})"
        case StreamEnded(reason=reason):
            return f"reconnecting ({reason})"
        case _:
            return ""


def _stands_by(fact: Fact) -> str:
    """That another process is at work; empty if the fact says nothing of that."""
    match fact:
        case StandbyBegun(holder=holder):
            return f"standby ({holder or 'nobody known'} is at work)"
        case LeaseLost():
            return "standby (it is not known who is at work)"
        case _:
            return ""


def _noticed(fact: Fact) -> str:
    """What has happened else; empty if there is nothing to say of it."""
    match fact:
        case LoopHeld(handler=handler):
            return f"{handler} keeps the event loop from everybody else"
        case DatabaseRegained(waited=waited):
            return f"the database is there again, after {waited:g} s"
        case LoopFreed(handler=handler, seconds=seconds):
            return f"{handler} has kept the event loop for {seconds:g} s"
        case StreamConnected(epoch=epoch, since_seq=since_seq):
            return f"listening (epoch {epoch}, seq {since_seq})"
        case _:
            return ""


def watchdog_interval_seconds() -> float | None:
    """Half of what the supervisor allows between two signs of life; `None` when it watches nobody here."""
    watched_pid = os.environ.get("WATCHDOG_PID")
    timeout = os.environ.get("WATCHDOG_USEC")
    if not timeout or (watched_pid and int(watched_pid) != os.getpid()):
        return None
    return int(timeout) / 2_000_000


async def keep_watchdog(prove_progress: Callable[[], Awaitable[object]]) -> None:
    """
    Give signs of life for as long as `prove_progress` succeeds, until cancelled.

    Args:
        prove_progress: Returns only if the daemon can do its work; a loop that merely turns is no proof.
    """
    interval = watchdog_interval_seconds()
    if interval is None:
        return
    while True:
        await prove_progress()
        notify(WATCHDOG)
        await asyncio.sleep(interval)
