"""Which agents of many are shown, and in which order."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from mycel_runtime.lazy_dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from mycel_runtime.cli.status_table import Row
    from mycel_runtime.daemon.status import Status

F = TypeVar("F", bound="Callable[..., Any]")

STATES: Final = ("ready", "not-ready", "no-answer")
"""As the table has them, in one word for the command line."""

_GREATEST: Final[Mapping[str, Callable[[Status], float]]] = {
    "heard": lambda now: now.now - (now.hearing.proven_at or 0.0),
    "due": lambda now: now.work.due,
    "oldest": lambda now: now.now - now.work.oldest.since if now.work.oldest else -1.0,
    "dead": lambda now: now.work.dead_letters,
    "unknown": lambda now: now.speaking.unknown,
    "journal": lambda now: now.journal.size,
}
"""Columns of the table of which the greatest comes first: it is what somebody looks for."""

_STATE: Final = {"no answer": 0, "not ready": 1, "ready": 2}
"""The worst comes first."""

ORDERS: Final = ("name", "state", *_GREATEST)


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusFilter:
    """
    What an agent must be to be shown; of several values of one kind any will do, of several kinds each must.

    Attributes:
        names, backends: Shell patterns, case and all.
        states: Of `STATES`.
        plugins: Names of tables in its file.
        not_ready: As its hearing is not proven.
        attention: As there is something to do.
        order: One of `ORDERS`; `None`: that of the files' names.
    """

    names: Sequence[str] = ()
    states: Sequence[str] = ()
    plugins: Sequence[str] = ()
    backends: Sequence[str] = ()
    not_ready: bool = False
    attention: bool = False
    order: str | None = None

    def of(self, rows: Sequence[Row]) -> list[Row]:
        """Those that are shown, in their order; what is equal stays in the order of the files."""
        wanted = list(filter(self.is_wanted, rows))
        if self.order == "name":
            return sorted(wanted, key=lambda row: row.name)
        if self.order == "state":
            return sorted(wanted, key=lambda row: _STATE[row.state])
        if (measure := _GREATEST.get(self.order or "")) is not None:
            return sorted(
                wanted, key=lambda row: (row.status is None, -measure(row.status) if row.status else 0.0)
            )
        return wanted

    def is_wanted(self, row: Row) -> bool:
        """Whether it is shown."""
        return (
            _is_any(self.names, lambda pattern: fnmatchcase(row.name, pattern))
            and _is_any(self.states, lambda state: row.state == state.replace("-", " "))
            and _is_any(self.plugins, lambda plugin: plugin in row.plugins)
            and _is_any(self.backends, lambda pattern: fnmatchcase(row.server, pattern))
            and not (self.not_ready and row.is_ready)
            and not (self.attention and not row.wants_attention)
        )


def _is_any(wanted: Sequence[str], matches: Callable[[str], bool]) -> bool:
    return not wanted or any(map(matches, wanted))


def filter_options(function: F) -> F:
    """What `StatusFilter` is made of, for a command."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


_OPTIONS: Final = (
    click.option(
        "--name", "names", metavar="PATTERN", multiple=True, help="Only agents of such names: 'codex-*'."
    ),
    click.option(
        "--state", "states", type=click.Choice(STATES), multiple=True, help="Only agents in this state."
    ),
    click.option("--plugin", "plugins", metavar="NAME", multiple=True, help="Only agents with this plugin."),
    click.option(
        "--backend",
        "backends",
        metavar="PATTERN",
        multiple=True,
        help="Only agents of such backends: '*mycel*'.",
    ),
    click.option("--not-ready", is_flag=True, help="Only agents that are not ready, or do not answer."),
    click.option("--attention", is_flag=True, help="Only agents for which there is something to do."),
    click.option(
        "--sort", "order", type=click.Choice(ORDERS), help="The column to go by; the worst or greatest first."
    ),
)
