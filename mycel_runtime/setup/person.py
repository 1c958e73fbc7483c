"""Whoever sets an agent up, as the set-up sees him: at a terminal, or the author of a script."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from mycel_runtime.errors import ArgumentError
from mycel_runtime.setup.questions import answered

if TYPE_CHECKING:
    from mycel_runtime.setup.questions import Question, Wishes


class Person(Protocol):
    """Asks and tells."""

    @property
    def is_there(self) -> bool:
        """Whether somebody answers: a wrong answer is asked for again."""
        ...

    def ask(self, question: Question) -> str:
        """
        The answer.

        Raises:
            ArgumentError: Nobody is there to answer, and there is no default.
        """
        ...

    def tell(self, text: str) -> None:
        """Show a line or more, none of which is a secret."""
        ...


def ask_for(person: Person, wishes: Wishes, question: Question) -> Wishes:
    """
    What is wished with the answer to a question; a person is asked until it is one.

    Raises:
        ArgumentError: A script's answer is none, or it has none.
    """
    while True:
        try:
            return answered(wishes, question, person.ask(question))
        except ArgumentError as exc:
            if not person.is_there:
                raise
            person.tell(str(exc))
