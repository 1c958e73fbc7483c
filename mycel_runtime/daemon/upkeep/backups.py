"""An agent's backups: made beside its daemon or under its lock, and put back while it does not run."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from mycel_runtime.daemon.state_dir import make_state_dir
from mycel_runtime.errors import BackupError

if TYPE_CHECKING:
    from pathlib import Path

    from mycel_runtime.journal.manifest import Manifest
    from mycel_runtime.journal.port.engine import JournalEngine, JournalFiles
    from mycel_runtime.journal.restored import Restored


def back_up_agent(engine: JournalEngine, target: Path, *, program: str) -> Manifest:
    """
    Back an agent's journal up, whether it runs or not.

    Args:
        engine: Keeps it.
        target: As of `JournalFiles.back_up`.
        program: As of `JournalFiles.back_up`.

    Raises:
        BackupError: It is in no file; or as of `JournalFiles.back_up`.
        JournalError, JournalFileError: As of `JournalFiles.back_up`.
    """
    return _files_of(engine).back_up(target, program=program)


def restore_agent(
    engine: JournalEngine,
    backup: Path,
    state_dir: Path,
    *,
    user_id: str | None,
    is_other_identity: bool,
    has_rested: bool,
) -> Restored:
    """
    Put a backup in the place of an agent's journal.

    Args:
        engine: Keeps it.
        backup: Made by `back_up_agent`.
        state_dir: The agent's; made if it is not there.
        user_id: Whose it must be, as configured.
        is_other_identity: As of `JournalFiles.restore`.
        has_rested: As of `JournalFiles.restore`.

    Raises:
        StateDirectoryError: It is another user's, or cannot be made.
        BackupError: It is in no file; or as of `JournalFiles.restore`.
        IdentityHeldError, JournalError, JournalFileError: As of `JournalFiles.restore`.
    """
    files = _files_of(engine)
    # Root may do it for the user whose folder it is; everybody else for himself.
    if os.geteuid() or not state_dir.is_dir():
        make_state_dir(state_dir)
    return files.restore(backup, user_id=user_id, is_other_identity=is_other_identity, has_rested=has_rested)


def _files_of(engine: JournalEngine) -> JournalFiles:
    if (files := engine.files) is None:
        raise BackupError(
            "this journal is in no file that could be copied or replaced",
            where=engine.where,
            fix="Copy it, and put it back, by the means of what keeps it.",
        )
    return files
