"""What a person types next, once an agent's file is there."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from mycel_runtime.cli.own_command import own_command, quoted
from mycel_runtime.units.installed import find_unit, verified_name
from mycel_runtime.units.places import is_for_unit, is_of_folder
from mycel_runtime.units.unit_text import file_name_of

if TYPE_CHECKING:
    from pathlib import Path


def next_steps(config: Path, name: str) -> list[str]:
    """
    A line for each step.

    Args:
        config: The agent's file.
        name: The agent's.
    """
    first = _of_unit(config, name) if is_for_unit(config) else [_step("Run it", "run", config)]
    return [*first, _step("Talk to it", "chat", config)]


def _of_unit(config: Path, name: str) -> list[str]:
    if (unit := find_unit(config, name, os.environ)) is not None:
        # A folder's unit that runs takes a new file at its next start.
        verb = "restart" if is_of_folder(config) else "enable --now"
        return [_line("Start it", f"systemctl {verb} {verified_name(unit).removesuffix('.service')}")]
    what = config.parent if is_of_folder(config) else config
    stem = file_name_of(what.name if is_of_folder(config) else name).removesuffix(".service")
    return [_step("Its unit", "unit --install", what), _line("Start it", f"systemctl enable --now {stem}")]


def _step(what: str, verb: str, config: Path) -> str:
    return _line(what, f"{own_command()} {verb} --config {quoted(config)}")


def _line(what: str, command: str) -> str:
    return f"{what + ':':<13}{command}"
