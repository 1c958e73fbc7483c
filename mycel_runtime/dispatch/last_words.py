"""
What the person hears when his message is given up.

Said through the delivery's own turn, so with a write-ahead intent and the proof of being caught up, and at most once:
its place is behind all replies of the handler, over all runs. The operator has the dead letter all the same.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from mycel_runtime.dispatch.run import ending_of
from mycel_runtime.dispatch.verdict import Failed, Unanswered
from mycel_runtime.errors import ApiError
from mycel_runtime.journal.changes import UNCHANGED
from mycel_runtime.journal.delivery import AnswerDelivery, LetterDelivery
from mycel_runtime.speech.interrupts import TurnEndedError

if TYPE_CHECKING:
    from mycel_runtime.journal.changes import Changes
    from mycel_runtime.journal.delivery import MessageDelivery
    from mycel_runtime.plugin.handler import Handler
    from mycel_runtime.plugin.registry import BoundHandler
    from mycel_runtime.speech.turn import Turn


def has_last_words(handler: Handler, delivery: MessageDelivery, failed: Failed) -> bool:
    """
    Whether the person is to be told.

    Of a dead letter that is tried again and fails again he has been told already.
    """
    if isinstance(delivery, LetterDelivery) or (isinstance(delivery, AnswerDelivery) and delivery.is_revived):
        return False
    return handler.on_give_up is not None and not failed.is_untold


def giving_up(bound: BoundHandler) -> BoundHandler:
    """What is run to say something."""
    return dataclasses.replace(bound, handler=bound.handler.giving_up())


async def say(turn: Turn, text: str) -> Failed | Unanswered | None:
    """
    Say it; how that failed, `None` if it is said or must not be.

    Cancelling: as of `Turn.send`.
    """
    try:
        await turn.send(text)
    except (TurnEndedError, ApiError) as exc:
        return ending_of(exc)
    return None


def after_last_words(
    failed: Failed, ended: Failed | Unanswered | None, changes: Changes = UNCHANGED
) -> Failed | Unanswered:
    """
    What the delivery comes to.

    Nobody answered: it is not given up yet. Whatever else failed is told with the reason and holds nothing up.

    Args:
        failed: How its last run ended.
        ended: How the last words did.
        changes: Of what is remembered and planned; they stand with the delivery's end.
    """
    if isinstance(ended, Unanswered):
        return ended
    if ended is None:
        return dataclasses.replace(failed, changes=changes)
    reason = f"{failed.letter.reason}; and on_give_up failed: {ended.letter.reason}"
    return dataclasses.replace(failed, letter=dataclasses.replace(failed.letter, reason=reason))
