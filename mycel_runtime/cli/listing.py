"""Rows of one or several agents, one line each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def print_rows(
    config: Path,
    verb: str,
    line: Callable[[dict[str, Any]], str],
    *,
    as_json: bool,
    group: Callable[[list[dict[str, Any]]], list[dict[str, Any]]] | None = None,
) -> None:
    """
    Print what each agent of a file, or of a folder of files, lists.

    Args:
        config: File or folder.
        verb: Of the daemon's `Admin`, or of its journal while there is no daemon.
        line: Of a row, for a person; what others have said must not steer the terminal any more.
        as_json: A JSON object for each row instead.
        group: Makes one row of what belongs together.

    Raises:
        ConfigError, ControlError, JournalError: As of `targets_of` and `Target.list`.
    """
    import json

    from mycel_runtime.cli.target import targets_of

    targets = targets_of(config)
    for target in targets:
        name = f"{target.name}  " if len(targets) > 1 else ""
        rows = target.list(verb)
        for row in rows if group is None else group(rows):
            if as_json:
                click.echo(json.dumps({"agent": target.name} | row, ensure_ascii=False))
            else:
                click.echo(name + line(row))


def counted(number: int, noun: str) -> str:
    """`1 attempt`, `2 attempts`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
