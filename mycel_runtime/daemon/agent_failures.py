"""Agents of one process that ended by an error, while others live on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mycel_runtime.errors import MycelError
from mycel_runtime.observe.facts import AgentFailed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mycel_runtime.observe.observer import Observer

FINAL_EXIT_CODES: Final = frozenset({69, 77, 78})
"""Of an agent: starting it again cannot help. The unit's `RestartPreventExitStatus` has them too."""


class AgentFailures:
    """
    Told as they come, and raised when no agent lives any more.

    Args:
        agents: How many there are that live or could not be started: an only one's error is raised, and not told.
        known: Of agents that could not be started; they have been told of.
    """

    def __init__(self, agents: int, known: Iterable[Exception]) -> None:
        self._is_alone = agents == 1
        self._errors = list(known)

    def note(self, error: Exception, observer: Observer) -> None:
        """An agent has ended by it."""
        self._errors.append(error)
        if not self._is_alone:
            observer.tell(_failure(error))

    def raise_first(self) -> None:
        """
        Raise the one that the process ends by, if there is any.

        Raises:
            Exception: The first after which a new start may help, else the first of all.
        """
        if self._errors:
            raise next(
                (each for each in self._errors if _exit_code(each) not in FINAL_EXIT_CODES), self._errors[0]
            )


def _failure(exc: Exception) -> AgentFailed:
    """Errors of ours say nothing of a message; of others only the type is told."""
    if isinstance(exc, MycelError):
        return AgentFailed(
            error=type(exc).__name__, reason=str(exc).partition("\n")[0], exit_code=exc.exit_code
        )
    return AgentFailed(error=type(exc).__name__, reason="", exit_code=_exit_code(exc))


def _exit_code(exc: Exception) -> int:
    return exc.exit_code if isinstance(exc, MycelError) else MycelError.exit_code
