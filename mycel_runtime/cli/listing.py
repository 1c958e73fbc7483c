"""Rows of one or several agents, one line each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from mycel_runtime.cli.target import Target


def print_rows(
    config: Path,
    verb: str,
    line: Callable[[dict[str, Any]], str],
    *,
    as_json: bool,
    group: Callable[[list[dict[str, Any]]], list[dict[str, Any]]] | None = None,
) -> int:
    """
    Print what each agent of a file, or of a folder of files, lists.

    Args:
        config: File or folder.
        verb: Of the daemon's `Admin`, or of its journal while there is no daemon.
        line: Of a row, for a person; what others have said must not steer the terminal any more.
        as_json: A JSON object for each row instead.
        group: Makes one row of what belongs together.

    Returns:
        The exit code; of a folder the worst.

    Raises:
        ConfigError, ControlError, JournalError: As of `each_agent` and `Target.list`.
    """
    import json

    from mycel_runtime.cli.every_agent import each_agent

    def print_of(target: Target) -> int:
        before = f"{target.name}  " if config.is_dir() else ""
        rows = target.list(verb)
        for row in rows if group is None else group(rows):
            if as_json:
                click.echo(json.dumps({"agent": target.name} | row, ensure_ascii=False))
            else:
                click.echo(before + line(row))
        return 0

    return each_agent(config, print_of)
