"""An agent's backups: made beside its daemon or under its lock, and put back while it does not run."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from mycel_runtime.daemon.state_dir import JOURNAL_NAME, make_state_dir
from mycel_runtime.daemon.upkeep.at_rest import give_lock_to_owner
from mycel_runtime.errors import IdentityHeldError
from mycel_runtime.journal.backup import back_up, hashed
from mycel_runtime.journal.lock import DirectoryLock
from mycel_runtime.journal.log_link import require_own_log
from mycel_runtime.journal.restore import restore

if TYPE_CHECKING:
    from pathlib import Path

    from mycel_runtime.journal.backup import Manifest
    from mycel_runtime.journal.restore import Restored


def back_up_agent(state_dir: Path, target: Path, *, program: str) -> Manifest:
    """
    Back an agent's journal up, whether it runs or not.

    Args:
        state_dir: The agent's.
        target: As of `back_up`.
        program: As of `back_up`.

    Raises:
        BackupError, JournalError, JournalFileError: As of `back_up`.
    """
    journal = state_dir / JOURNAL_NAME
    lock = DirectoryLock(state_dir)
    if journal.exists():
        give_lock_to_owner(state_dir)
        try:
            lock.acquire()
            require_own_log(journal)
        except IdentityHeldError:
            pass  # Its daemon is at work, and goes on.
    try:
        return back_up(journal, target, program=program, now=time.time())
    finally:
        lock.release()


def restore_agent(
    backup: Path, state_dir: Path, *, user_id: str | None, is_other_identity: bool, has_rested: bool
) -> Restored:
    """
    Put a backup in the place of an agent's journal.

    Args:
        backup: Made by `back_up_agent`.
        state_dir: The agent's; made if it is not there.
        user_id: Whose it must be, as configured.
        is_other_identity: As of `restore`.
        has_rested: As of `restore`.

    Raises:
        StateDirectoryError: It is another user's, or cannot be made.
        IdentityHeldError, BackupError, JournalError, JournalFileError: As of `restore`.
    """
    # Root may do it for the user whose folder it is; everybody else for himself.
    if os.geteuid() or not state_dir.is_dir():
        make_state_dir(state_dir)
    give_lock_to_owner(state_dir)
    return restore(
        backup,
        state_dir / JOURNAL_NAME,
        identity=hashed(user_id) if user_id else None,
        is_other_identity=is_other_identity,
        has_rested=has_rested,
        now=time.time(),
    )
