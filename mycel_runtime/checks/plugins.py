"""The plugins, each imported in a process of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mycel_runtime.checks.finding import Finding, error, ok, warning
from mycel_runtime.counted import counted
from mycel_runtime.errors import PluginError
from mycel_runtime.plugin.inventory import plugins_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from typing import Any

    from mycel_runtime.plugin.inventory import Descriptions, PluginRow

_SAID: Final = "Do as it says, or remove its table."
"""Where a plugin's own text tells what it lacks, and how that is got."""


def plugin_findings(
    tables: Mapping[str, Mapping[str, Any]],
    config: Path,
    *,
    credentials: Mapping[str, Path],
    descriptions: Descriptions,
) -> list[Finding]:
    """
    Whether each can be used; one that crashes, hangs or prints is a finding like any other.

    Args:
        tables: `[plugins.*]`.
        config: The TOML file.
        credentials: Files that the installed unit hands over, by the credential's name.
        descriptions: Of other agents' plugins.
    """
    if not tables:
        fix = "Add a table, for example [plugins.echo]."
        return [error("plugin", f"{config}: no plugins, so nobody would answer", fix, exit_code=78)]
    rows = plugins_of(tables, config, credentials=credentials, descriptions=descriptions)
    is_any_ready = any(row.state != "refused" for row in rows)
    return [
        _of(row, is_spared=is_any_ready and tables[row.name].get("isolation") == "process") for row in rows
    ]


def _of(row: PluginRow, *, is_spared: bool) -> Finding:
    """Of one; the daemon starts without an isolated one whose import fails, if others are there."""
    if row.state != "refused":
        heard = counted(len(row.handlers), "handler")
        return ok(
            "plugin", " ".join(part for part in (row.origin, row.version, heard) if part), subject=row.name
        )
    fix = row.fix or _SAID
    if is_spared:
        text = f"{row.problem}; the daemon starts without it, and its work waits"
        return warning("plugin", text, fix, subject=row.name)
    return error("plugin", row.problem, fix, exit_code=PluginError.exit_code, subject=row.name)
