"""Several agents of a folder, which run in one process and so may share neither state nor token."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mycel_runtime.checks.checkup import Checkup, check
from mycel_runtime.checks.finding import errors_from
from mycel_runtime.daemon.agents import config_files, shared_of
from mycel_runtime.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path


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
    checkups = [check(file, is_offline=is_offline) for file in files]
    if len(checkups) > 1:
        checkups[0].findings.extend(
            finding for exc in shared_of(files) for finding in errors_from("configuration.shared", exc)
        )
    return checkups
