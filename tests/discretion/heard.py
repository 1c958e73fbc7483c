"""All that the runtime has told since the last look: to a pipe, a terminal, a socket or a test that ran a command."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

OVERLAP: Final = 4096
"""Bytes that are looked at twice, for a secret may have been told in two parts."""


@dataclass
class Heard:
    """
    One output.

    Attributes:
        label: Which, for a person.
        output: As far as it was read, and not taken.
        path: Of a file that it is in, instead.
        command: Its words, of a command's standard output: `dead list`; else empty.
        is_open: More of it may come.
    """

    label: str
    output: bytearray = field(default_factory=bytearray, repr=False)
    path: Path | None = None
    command: str = ""
    is_open: bool = False

    def take(self):
        """What has come so far; all but its end will not be given again."""
        if self.path is not None:
            return self.path.read_bytes() if self.path.is_file() else b""
        taken = bytes(self.output)
        del self.output[: max(0, len(taken) - OVERLAP)]
        return taken


HEARD: Final[list[Heard]] = []


def hear(label, output):
    """What a test was told; bytes or text."""
    HEARD.append(Heard(label, bytearray(output if isinstance(output, bytes) else output.encode())))
