"""Several agents of a folder, which run in one process and so may share neither state nor token."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Final

from mycel_runtime.checks.checkup import Checkup, check
from mycel_runtime.checks.finding import errors_from
from mycel_runtime.daemon.agents import config_files, shared_of
from mycel_runtime.errors import ConfigError
from mycel_runtime.plugin.inventory import Descriptions

if TYPE_CHECKING:
    from pathlib import Path

AT_ONCE: Final = 8
"""Agents that are looked at side by side: each waits for its backend, its disk and its plugins' processes."""


def check_all(config: Path, *, is_offline: bool) -> list[Checkup]:
    """
    Look at the agents of a file, or of a folder of files.

    Args:
        config: File or folder.
        is_offline: As of `check`.
    """
    try:
        files = config_files([config])
    except ConfigError as exc:
        return [Checkup(config=config, agent=None, findings=errors_from("configuration", exc))]
    look = partial(check, is_offline=is_offline, descriptions=Descriptions())
    # The first one alone: what the others have in common with it is not asked of each.
    checkups = [look(file) for file in files[:1]]
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="check") as pool:
        checkups += pool.map(look, files[1:])
    if len(checkups) > 1:
        checkups[0].findings.extend(
            finding for exc in shared_of(files) for finding in errors_from("configuration.shared", exc)
        )
    return checkups
