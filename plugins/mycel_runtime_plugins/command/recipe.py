"""
How the command line of a coding agent is asked, and how its answer is known from its errors. Pure.

An exit code of 0 is no proof of an answer, and a text in the place of one may be the error of a vendor. Each recipe
says what it takes for success; whatever else comes out is a failure, and no word of it is said in a chat.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from mycel_runtime_plugins.child_process import ExitStatus

_SESSION: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}")
"""What may become an argument of the agent's next run: an agent's output is not to be an option."""


class RecipeError(RuntimeError):
    """
    The agent has not answered.

    Args:
        why: One line for the operator, without the agent's words.
        is_session_unknown: It does not know the session that was to be resumed.
    """

    def __init__(self, why: str, *, is_session_unknown: bool = False) -> None:
        self.why, self.is_session_unknown = why, is_session_unknown
        super().__init__(why)


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentAnswer:
    """
    What an agent has answered.

    Attributes:
        text: The model's, not blank.
        session: By which the agent knows this conversation; `None`: it does not say, or says what cannot be given
            back to it.
    """

    text: str = field(repr=False)
    session: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """
    Of one agent.

    Attributes:
        program: Its name.
        install: The command that gets it, for whoever does not have it.
        start: Arguments that come first. The mode is said, because some agents ask nobody in their default.
        resuming: Arguments at the end, with the session in the place of `{}`.
        beginning: Arguments at the end where there is no session.
        passing: Variables of its own that pass to it.
        variables: What is set for it, unless the settings say otherwise.
        read: Its answer, from the output and the exit status; raises `RecipeError`.
    """

    program: str
    install: str
    start: tuple[str, ...]
    resuming: tuple[str, ...]
    beginning: tuple[str, ...] = ()
    passing: tuple[str, ...]
    variables: Mapping[str, str] = field(default_factory=dict)
    read: Callable[[bytes, ExitStatus], AgentAnswer]

    def arguments(self, more: tuple[str, ...], session: str | None) -> tuple[str, ...]:
        """
        All that follows the program.

        Args:
            more: The operator's.
            session: To be resumed.
        """
        if session is None:
            return (*self.start, *more, *self.beginning)
        return (*self.start, *more, *(session if each == "{}" else each for each in self.resuming))


def answer(text: Any, session: Any) -> AgentAnswer:
    """
    Of what an agent's output holds in their places.

    Raises:
        RecipeError: There is no text.
    """
    if not isinstance(text, str) or not text.strip():
        raise RecipeError("no text in the agent's answer")
    is_usable = isinstance(session, str) and _SESSION.fullmatch(session)
    return AgentAnswer(text=text, session=session if is_usable else None)


def json_value(output: bytes) -> Any:
    """
    The JSON value that the output is, or ends with: some agents write a notice before it.

    Raises:
        RecipeError: There is none.
    """
    text = output.decode("utf-8", "replace").strip()
    begins = (found.start() for found in re.finditer(r"^[\[{]", text, re.MULTILINE))
    for begin in begins:
        try:
            return json.loads(text[begin:])
        except (ValueError, RecursionError):
            continue
    raise RecipeError("no JSON in the agent's output")


def json_lines(output: bytes) -> Iterator[dict[str, Any]]:
    """Each line that is an object; what is none is a notice."""
    for line in output.decode("utf-8", "replace").splitlines():
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict):
            yield value


def part(value: Any, *keys: str) -> Any:
    """What lies below these keys; `None`: there is no such place."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value
