"""The daemons of a folder's other agents, asked about one that does not live: it would be in their process."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Final

from mycel_runtime.cli.target import running_target_of
from mycel_runtime.daemon.agents import config_files
from mycel_runtime.daemon.control import give_order
from mycel_runtime.daemon.joining import JOIN_SECONDS
from mycel_runtime.errors import ConfigError, ControlError, NoDaemonError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mycel_runtime.cli.target import Target

_PART_SECONDS: Final = 3600.0
"""For drains, which end by the time that their agents' files give them."""


def have_part(folder: Path) -> Iterator[str]:
    """
    Have the agents leave whose files have gone from a folder.

    Yields:
        Names of those that have.
    """
    asked = set[str]()
    for path in config_files([folder]):
        if str(path.absolute()) in asked:
            continue
        with contextlib.suppress(ConfigError, ControlError):
            said = give_order(running_target_of(path).state_dir, "part", within=_PART_SECONDS)
            asked.update(said["files"])
            yield from said["left"]


def have_join(target: Target) -> dict[str, Any] | None:
    """
    Have an agent join its neighbours.

    Returns:
        `refused`: Why it does not live; `joined`: Whether it does. `None`: that is for none of them to do.
    """
    for said in _answers(target, "join"):
        if said["is_tried"]:
            return {"refused": said["refused"], "joined": not said["refused"]}
    return None


def why_away(target: Target) -> ConfigError | NoDaemonError | None:
    """What keeps an agent from living with its neighbours, as their process knows; `None`: it does not."""
    for said in _answers(target, "why_away"):
        if said["is_refused"]:
            return ConfigError(said["problem"], where=said["where"], fix=said["fix"])
        if said["problem"]:
            fix = f"Mend that, then: mycel-runtime reload --config '{target.config}'"
            return NoDaemonError(f"{target.name} has ended: {said['problem']}", fix=fix)
    return None


def _answers(target: Target, order: str) -> Iterator[dict[str, Any]]:
    """Of each daemon that answers."""
    config = target.config.absolute()
    for path in config_files([config.parent]):
        if path != config:
            with contextlib.suppress(ConfigError, ControlError):
                state_dir = running_target_of(path).state_dir
                yield give_order(state_dir, order, within=3 * JOIN_SECONDS, config=str(config))
