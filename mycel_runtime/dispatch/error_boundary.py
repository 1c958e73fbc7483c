"""
What goes wrong around a handler costs its own delivery only.

A message that nobody can make sense of, or a mistake of ours, would else end the dispatcher, and with it every agent
of the process, at each start again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mycel_runtime.dispatch.verdict import Failed, Unanswered, refused
from mycel_runtime.errors import ApiError, JournalError
from mycel_runtime.journal.dead_letter import Letter
from mycel_runtime.observe.traceback_text import traceback_text
from mycel_runtime.speech.evidence import Operation
from mycel_runtime.speech.interrupts import UNANSWERED, RefusedError, UnansweredError
from mycel_runtime.speech.server_detail import reason_of

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from mycel_runtime.dispatch.verdict import Result


async def contained(work: Awaitable[Result]) -> Result:
    """
    Await, and tell what is raised as a result.

    Raises:
        JournalError: Nothing can be written down any more, this least of all.
        SupersededError: The handler is to be asked again.

    Cancelling: cancels the work.
    """
    try:
        return await work
    except JournalError:
        raise
    except UNANSWERED as exc:
        return Unanswered.by(exc, Operation.READ)
    except UnansweredError as exc:
        return Unanswered.by(exc.cause, exc.operation)
    except RefusedError as exc:
        return refused(exc.cause)
    except ApiError as exc:
        letter = Letter(reason=f"{reason_of(exc)}, while reading the chat")
        return Failed(letter=letter, is_answer=True, operation=Operation.READ)
    except Exception as exc:  # noqa: BLE001 - whatever it is
        return mistake(exc, "outside the handler")


def mistake(exc: Exception, where: str) -> Failed:
    """What nobody expected, as the end of the delivery's run; it spends an attempt."""
    letter = Letter(reason=f"{type(exc).__name__} {where}", trace=traceback_text(exc.__traceback__))
    return Failed(letter=letter, is_answer=True, is_nonsense=True)
