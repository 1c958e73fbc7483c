"""
Which process should be at work on which identity: as many each as possible, nobody left alone, few moves.

Each process decides for itself, from the same rows. So that they agree, nothing is decided by dice: what is free
goes to the process that has least, and between equals a sum of its name decides. Only one identity is on the move at
a time, from the process that has most, and only to one that has at least two less; so each move makes the sum of the
squares of what they have smaller, and there is an end of them.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from mycel_runtime.lazy_dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """
    How it stands with one identity.

    Attributes:
        holder: The process that is at work on it; `None`: it is free.
        candidates: Processes that live and would be; whoever is at work is one, unless it is silent.
    """

    identity: str
    holder: str | None
    candidates: frozenset[str]


def to_take(standings: Sequence[Standing], process: str, *, overdue: Collection[str] = ()) -> frozenset[str]:
    """
    The free identities on which a process should come to work now.

    Args:
        standings: Of all identities.
        process: Which asks.
        overdue: Identities that have been free for so long that whoever should take them does not.
    """
    free = [each for each in standings if each.holder is None and process in each.candidates]
    if not free:
        return frozenset()
    given = _given(standings)
    return frozenset(
        each.identity for each in free if given[each.identity] == process or each.identity in overdue
    )


def to_hand_over(standings: Sequence[Standing], process: str, idle: Collection[str]) -> str | None:
    """
    The identity that a process should leave to another one now; `None`: none.

    Args:
        standings: Of all identities.
        process: Which asks.
        idle: Identities of it at which a move disturbs nothing.
    """
    if any(each.holder is None and each.candidates for each in standings):
        return None
    loads = _loads(standings)
    movable = [each for each in standings if each.holder and _is_movable(each, loads)]
    givers = {each.holder or "" for each in movable}
    if not givers or max(givers, key=lambda giver: (loads[giver], giver)) != process:
        return None
    own = [each.identity for each in movable if each.holder == process and each.identity in idle]
    return min(own, default=None)


def _is_movable(standing: Standing, loads: Mapping[str, int]) -> bool:
    """Whether one that would be at work on it has so little that the move makes them more equal."""
    return any(loads[each] + 2 <= loads[standing.holder or ""] for each in standing.candidates)


def _given(standings: Sequence[Standing]) -> Mapping[str, str]:
    """Who is to have each identity that is free and that anybody wants: those first that few want."""
    loads = _loads(standings)
    given = dict[str, str]()
    wanted = [each for each in standings if each.holder is None and each.candidates]
    for each in sorted(wanted, key=lambda each: (len(each.candidates), each.identity)):
        chosen = min(each.candidates, key=lambda process: (loads[process], _draw(each.identity, process)))
        given[each.identity] = chosen
        loads[chosen] += 1
    return given


def _loads(standings: Sequence[Standing]) -> dict[str, int]:
    """How many each process has."""
    loads = {process: 0 for each in standings for process in (*each.candidates, each.holder) if process}
    for each in standings:
        if each.holder is not None:
            loads[each.holder] += 1
    return loads


def _draw(identity: str, process: str) -> int:
    """The same everywhere, and another one for each pair: else the same process would always be first."""
    return zlib.crc32(f"{identity} {process}".encode())
