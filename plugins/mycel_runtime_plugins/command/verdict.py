"""What a program's end means to its delivery. Pure."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from mycel_runtime_plugins.child_process import ExitStatus

# Source: sysexits(3).
UNUSABLE_DATA: Final = 65
TRY_AGAIN: Final = 75


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """
    A run of a program.

    Attributes:
        status: How it has ended; `None`: it was ended, because its time was over.
        output: All of its standard output; `None`: it was more than it may be, and it was ended for that.
    """

    status: ExitStatus | None
    output: bytes | None


class Fate(enum.Enum):
    """What becomes of the delivery."""

    ANSWERED = "answered"
    """The program has exited with 0, and its output counts."""

    TRY_AGAIN = "try again"
    """It has failed, and may not fail again: 75, any other code, a signal, its time."""

    GIVEN_UP = "given up"
    """It says that it will never answer this: 65."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """
    What becomes of a delivery, and why.

    Attributes:
        fate: Of the delivery.
        why: One line for the operator, without the program's words; empty if it has answered.
    """

    fate: Fate
    why: str = ""


def verdict_of(execution: Execution, *, seconds: float, most: int) -> Verdict:
    """
    Decide.

    Args:
        execution: What has happened.
        seconds: That the program had.
        most: Bytes that it may write.
    """
    status = execution.status
    if execution.output is None:
        return Verdict(fate=Fate.TRY_AGAIN, why=f"more than {most:,} bytes of output")
    if status is None:
        return Verdict(fate=Fate.TRY_AGAIN, why=f"no end after {seconds:g} s")
    if status.code == 0:
        return Verdict(fate=Fate.ANSWERED)
    fate = Fate.GIVEN_UP if status.code == UNUSABLE_DATA else Fate.TRY_AGAIN
    return Verdict(fate=fate, why=str(status))
