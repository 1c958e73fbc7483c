"""
Which process this is, and which other one is proven dead.

A process that was killed cannot say so. That it is dead is known where its pid and the start of its machine can be
looked at: on the same machine, in the same namespace of pids, there is no process of that pid and that start; or this
process has the lock of the place that the other one had: that lock ends with its process, also in a container that is
made anew. Of any other machine nothing is known: it may be frozen, or cut off, and come back.
"""

from __future__ import annotations

import os
import socket
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

_START_FIELD: Final = 19
"""Of `/proc/PID/stat` behind the name: when the process began."""


PLACE_PREFIX: Final = "place:"
"""Of an identity that nobody has: the agent's of a state directory, before it is known whose that is."""

OPEN: Final[set[str]] = set()
"""Openings by this very process that have not ended: their `process_id`."""


class ProcessMark(NamedTuple):
    """
    A process that has a journal open, and which opening.

    Attributes:
        process_id: Drawn at each opening.
        started: In ticks since the machine's start; 0: it cannot be told.
        place: Of which it has the lock, as long as it lives; empty: of none.
    """

    process_id: str
    machine_id: str
    boot_id: str
    namespace: str
    pid: int
    started: int
    host: str
    place: str

    @classmethod
    def of_this(cls, place: str) -> ProcessMark:
        """
        A new opening by this process.

        Args:
            place: As of the attribute.
        """
        pid = os.getpid()
        return cls(
            process_id=uuid.uuid4().hex,
            machine_id=_text("/etc/machine-id"),
            boot_id=_text("/proc/sys/kernel/random/boot_id"),
            namespace=_namespace(),
            pid=pid,
            started=_started(pid) or 0,
            host=socket.gethostname(),
            place=place,
        )

    def proves_dead(self, other: Mapping[str, Any]) -> bool:
        """
        Whether this process can tell that another one is dead.

        Args:
            other: Its row.
        """
        if self.place and other["place"] == self.place:
            return True
        if not self.boot_id or not self.namespace or not self.started:
            return False
        if other["boot_id"] != self.boot_id:
            # Of the same machine, started since; where machines are copied with their id, they differ by name.
            is_this = (other["machine_id"], other["host"]) == (self.machine_id, self.host)
            return bool(self.machine_id) and is_this
        if other["namespace"] != self.namespace:
            return False
        if (other["pid"], other["started"]) == (self.pid, self.started):
            return other["process_id"] not in OPEN
        return bool(_started(other["pid"]) != other["started"])


def _text(path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return ""


def _namespace() -> str:
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return ""


def _started(pid: int) -> int | None:
    """When it was; `None`: there is no such process, or it is a corpse that its parent has not fetched yet."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in {"Z", "X"} else int(fields[_START_FIELD])
