"""Agents of one process that ended by an error, or could not be started, while others live on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mycel_runtime.errors import MycelError
from mycel_runtime.observe.facts import AgentFailed

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from pathlib import Path

    from mycel_runtime.daemon.agents import Refusal
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

    def __init__(self, agents: int, known: Iterable[Refusal]) -> None:
        self._is_alone = agents == 1
        self._errors: list[tuple[tuple[Path, ...], Exception]] = [(each.files, each.error) for each in known]

    def note(self, error: Exception, config: Path, observer: Observer) -> None:
        """The agent of a file has ended by it."""
        self._errors.append(((config,), error))
        if not self._is_alone:
            observer.tell(_failure(error))

    def refuse(self, refusal: Refusal) -> None:
        """An agent cannot join; that was told of."""
        self._is_alone = False
        for file in refusal.files:
            self.forget(file)
        self._errors.append((refusal.files, refusal.error))

    def forget(self, config: Path) -> None:
        """The agent of this file lives now."""
        self._is_alone = False
        self._errors = [each for each in self._errors if config not in each[0]]

    def keep(self, files: Collection[Path]) -> None:
        """Forget what concerned a file that was refused and is gone."""
        self._errors = [each for each in self._errors if not each[0] or set(each[0]) & set(files)]

    def of(self, config: Path) -> Exception | None:
        """What the agent of a file has ended by, or was refused for."""
        return next((error for files, error in self._errors if config in files), None)

    def raise_first(self) -> None:
        """
        Raise the one that the process ends by, if there is any.

        Raises:
            Exception: The first after which a new start may help, else the first of all.
        """
        errors = [error for _, error in self._errors]
        if errors:
            raise next((each for each in errors if _exit_code(each) not in FINAL_EXIT_CODES), errors[0])


def _failure(exc: Exception) -> AgentFailed:
    """Errors of ours say nothing of a message; of others only the type is told."""
    if isinstance(exc, MycelError):
        return AgentFailed(
            error=type(exc).__name__, reason=str(exc).partition("\n")[0], exit_code=exc.exit_code
        )
    return AgentFailed(error=type(exc).__name__, reason="", exit_code=_exit_code(exc))


def _exit_code(exc: Exception) -> int:
    return exc.exit_code if isinstance(exc, MycelError) else MycelError.exit_code
