"""What goes wrong on the road, and what is told of it."""

from __future__ import annotations

import time
from dataclasses import dataclass

from mycel_runtime.sdk.cause import Cause

ANSWERED_WITHIN = 180.0
READY_WITHIN = 10.0
"""Seconds from the first answered call after the trouble until hearing is proven."""
LARGE = 4000
PROBE = "probe"


@dataclass(frozen=True, kw_only=True)
class Row:
    """
    What became of a scene.

    Attributes:
        seconds: How long the trouble lasted.
        said, once, twice, never: Messages of the owner, and how many have one answer, more, or none.
        first_call: Seconds from the end of the trouble until a call of the daemon was answered; 0 if it
            was ready all along.
        answered: The same until the last message had its answer; `None` if one never had.
        ready: Seconds from the first answered call until the daemon was ready; `None` if it never was.
        causes: The words that status or log had for it, each with the seconds from the trouble's beginning.
        expected: Of which at least one is to be named; empty: nothing need be.
    """

    name: str
    seconds: float
    said: int
    once: int
    twice: int
    never: int
    first_call: float | None
    answered: float | None
    ready: float | None
    causes: dict[str, float]
    expected: frozenset[str]

    @property
    def problems(self):
        """What does not hold."""
        found = []
        if self.once != self.said:
            found.append(f"{self.twice} answered twice, {self.never} never")
        if self.ready is None or self.ready > READY_WITHIN:
            found.append(f"the stream was not ready within {READY_WITHIN:.0f} s of the first answered call")
        if self.expected and not self.expected & self.causes.keys():
            found.append(f"none named of {', '.join(sorted(self.expected))}")
        return found


def link_down(stage):
    """The agent's own link is down for 95 s; messages are sent meanwhile."""
    stage.network.unplug()
    stage.talk("link", 95, 10)
    stage.network.plug()


def loss(stage):
    """One packet of five is lost for a minute, in both directions."""
    with stage.network.lost(0.2):
        stage.talk("loss", 60, 3)


def mtu_hole(stage):
    """Large packets are lost for a minute: what is said, and what is to be answered, is large."""
    with stage.network.too_large():
        stage.talk("large", 60, 15, filling="x" * LARGE)


def backend_moves(stage):
    """The backend's address changes under its name: what was connected dies without a word."""
    stage.network.move_backend()
    stage.talk("moved", 5, 2)


def agent_moves(stage):
    """The agent's own address changes: what was connected dies without a word."""
    stage.network.move_agent()
    stage.talk("moved", 5, 2)


def half_open(stage):
    """Every packet is lost for a minute, and nobody says so."""
    with stage.network.dropped():
        stage.talk("silence", 60, 10)


SCENES = {
    "link-down": (link_down, {Cause.NO_ROUTE}),
    "loss": (loss, set()),
    "mtu-hole": (mtu_hole, {Cause.PATH_MTU_SUSPECTED}),
    "backend-moves": (backend_moves, set()),
    "agent-moves": (agent_moves, set()),
    "half-open": (half_open, {Cause.TIMEOUT, Cause.NO_ROUTE}),
}


def play(name, stage):
    """One scene; its row."""
    scene, expected = SCENES[name]
    began = time.time()
    scene(stage)
    ended = time.time()
    if stage.wait_answered(ANSWERED_WITHIN):
        # A subscription that died and was not noticed would be now.
        stage.say(PROBE)
        stage.wait_answered(ANSWERED_WITHIN)
    # Long enough for a second answer to come.
    time.sleep(READY_WITHIN)
    ready_at = stage.watch.wait_ready(ANSWERED_WITHIN)
    answers = stage.answers()
    late = [min(times) for times in answers.values() if times and min(times) > ended]
    first_call = ended if ready_at and ready_at < began else min((*late, *_looks(stage, ended)), default=None)
    counts = [len(times) for times in answers.values()]
    return Row(
        name=name,
        seconds=ended - began,
        said=len(counts),
        once=counts.count(1),
        twice=sum(count > 1 for count in counts),
        never=counts.count(0),
        first_call=None if first_call is None else first_call - ended,
        answered=_until_last(answers, ended),
        ready=None if None in (ready_at, first_call) else max(0.0, ready_at - first_call),
        causes=_causes(stage, began),
        expected=frozenset(expected),
    )


def _looks(stage, since):
    """When the server was asked with success."""
    return {each.reconciled_at for each in stage.watch.glimpses if each.reconciled_at > since}


def _until_last(answers, ended):
    """Seconds from the trouble's end to the last first answer to what was said before it; `None` if one has none."""
    if not all(answers.values()):
        return None
    return max(0.0, *(min(times) - ended for text, times in answers.items() if text != PROBE))


def _causes(stage, began):
    """The words of the daemon's status, and when it said them first; those of its log only: when is not known."""
    found = {}
    logged = stage.log("daemon")
    for cause in Cause:
        word = f'"{cause}"'
        seen = (each.at for each in stage.watch.glimpses if each.at >= began and cause in each.text)
        if (at := next(seen, None)) is not None:
            found[str(cause)] = at - began
        elif word in logged:
            found[str(cause)] = float("nan")
    return found
