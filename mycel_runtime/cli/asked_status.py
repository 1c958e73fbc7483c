"""The daemons of many agents are asked how they are, side by side."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

from mycel_runtime.cli.neighbours import Neighbours
from mycel_runtime.cli.status_table import Row
from mycel_runtime.cli.target import find_worker, running_target_of
from mycel_runtime.errors import MycelError, NoDaemonError
from mycel_runtime.lazy_dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from mycel_runtime.cli.target import Target
    from mycel_runtime.daemon.status import Status

EXIT_NOT_READY: Final = 75

_AT_ONCE: Final = 16
"""Asked at a time: one process answers all of them, and others wait no longer than for their own."""


@dataclass(frozen=True, slots=True)
class AskedStatus:
    """
    What came of asking about one agent.

    Attributes:
        exit_code: That it stands for.
        error: Why there is no status; `None`: there is one.
    """

    row: Row
    exit_code: int
    error: MycelError | None = None


def ask_each(files: Sequence[Path], worker: str | None = None) -> list[AskedStatus]:
    """
    Ask about the agents of these files; what is wrong with one hides no other.

    Args:
        files: Of agents.
        worker: As of `row_of`.

    Returns:
        In the order of the files.
    """
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="status") as pool:
        return list(pool.map(partial(_ask, neighbours=Neighbours(), worker=worker), files))


def row_of(file: Path, neighbours: Neighbours, worker: str | None = None) -> Row:
    """
    Of one agent.

    Args:
        file: The agent's.
        neighbours: Know why it is away.
        worker: Name of the one of its workers that is asked; `None`: the agent itself.

    Raises:
        ConfigError: Its file cannot be used, and not even tells where to ask.
        ControlError: Nobody answers.
    """
    return _answered(_target_of(file, worker), neighbours, worker)


def _target_of(file: Path, worker: str | None) -> Target:
    target = running_target_of(file)
    return target if worker is None else replace(target, state_dir=find_worker(target, worker))


def _ask(file: Path, neighbours: Neighbours, worker: str | None) -> AskedStatus:
    row = Row(name=file.stem)
    try:
        target = _target_of(file, worker)
        row = _row(target)
        row = _answered(target, neighbours, worker)
    except MycelError as exc:
        trouble = type(exc).__name__.removesuffix("Error")
        return AskedStatus(replace(row, trouble=trouble), exc.exit_code, exc)
    return AskedStatus(row, 0 if row.is_ready else EXIT_NOT_READY)


def _row(target: Target) -> Row:
    mistake = "" if target.mistake is None else str(target.mistake)
    return Row(name=target.name, trouble=mistake, server=target.server, plugins=target.plugins)


def _answered(target: Target, neighbours: Neighbours, worker: str | None) -> Row:
    return replace(_row(target), status=_status_of(target, neighbours, worker))


def _status_of(target: Target, neighbours: Neighbours, worker: str | None) -> Status:
    """What its daemon says; that of the agents that it was to live with may know why there is none."""
    try:
        return target.status()
    except NoDaemonError as exc:
        if worker is None and (why := neighbours.why_away(target)) is not None:
            raise why from exc
        raise
