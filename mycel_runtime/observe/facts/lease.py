"""Which process of several is at work on an identity."""

from __future__ import annotations

from typing import ClassVar

from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.observe.facts.fact import Fact, Level


@dataclass(frozen=True, slots=True, kw_only=True)
class StandbyBegun(Fact):
    """
    Another process is at work on the agent's identity; this one waits for its turn.

    Attributes:
        holder: The other one's host and process; empty: nobody knows.
    """

    name: ClassVar[str] = "standby.begun"
    holder: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseTaken(Fact):
    """
    This process is at work on the agent's identity from now on, which others could be.

    Attributes:
        waited: Seconds for which it stood by.
    """

    name: ClassVar[str] = "lease.taken"
    waited: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseLost(Fact):
    """
    This process has lost the right to be at work: it was frozen, or the database was out of reach for too long.

    What ran is ended, and run again by whoever comes to work. The agent stands by.

    Attributes:
        reason: The error's name.
    """

    name: ClassVar[str] = "lease.lost"
    level: ClassVar[Level] = "warning"
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseHandedOver(Fact):
    """
    This process has left the agent's identity to one that has less to do, and stands by.

    Attributes:
        abandoned: Deliveries that did not end in time, and are run again.
    """

    name: ClassVar[str] = "lease.handed_over"
    abandoned: int
