"""What a turn of the agent's comes to: by its stop reason, or by the error that it was answered by. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

NEEDS_LOGIN: Final = -32000
"""Source: the protocol's code of "authentication required"."""

LOGIN_FIX: Final = (
    "Log in with the agent's own program, as the user of this runtime, or give it its key by pass_environment"
)


class Outcome(StrEnum):
    """Of a turn."""

    ANSWERED = "answered"
    """The agent has said all that it wanted to."""

    STOPPED = "stopped"
    """It was stopped, and not by us: try again."""

    REFUSED = "refused"
    """Its model does not want to. The person is told."""

    EXHAUSTED = "exhausted"
    """It has reached a limit of its own, and what it said is half an answer. The person is told."""

    OVERDUE = "overdue"
    """It has not ended in time, and was stopped by us. The person is told."""

    FAILED = "failed"
    """For a reason that nobody knows: try again."""


_BY_STOP_REASON: Final = {
    "end_turn": Outcome.ANSWERED,
    "cancelled": Outcome.STOPPED,
    "refusal": Outcome.REFUSED,
    "max_tokens": Outcome.EXHAUSTED,
    "max_turn_requests": Outcome.EXHAUSTED,
}

TOLD: Final = {
    Outcome.REFUSED: "[The agent's model has refused to answer this.]",
    Outcome.EXHAUSTED: "[The agent has reached a limit before its answer was complete. Ask for less at a time.]",
    Outcome.OVERDUE: "[The agent is still not done, and was stopped. Ask for less at a time.]",
}
"""What the person is told by us, and never as the agent's words."""

STOPPED_BY_PERSON: Final = "[Stopped.]"

WANTS: Final = "[The agent cannot go on without a tool that it may not use.]"
"""Where it says nothing itself when it is refused."""

ASKED: Final = (
    '[The agent wanted to use this tool, and was refused. Answer "yes" to allow exactly this, once. '
    "Whatever else you write leaves it refused, and goes to the agent.]"
)

ALLOWED: Final = "[Allowed, this once. The agent goes on.]"

CUT: Final = "\n\n[The answer goes on; only its beginning is sent.]"

GIVEN_UP: Final = "[I could not answer that: the agent has failed several times.]"


def outcome_of(stop_reason: object) -> Outcome:
    """
    What became of a turn that was answered by a stop reason.

    Args:
        stop_reason: As received. One that nobody knows is a failure, and no end of anything else.
    """
    return (
        _BY_STOP_REASON.get(stop_reason, Outcome.FAILED) if isinstance(stop_reason, str) else Outcome.FAILED
    )
