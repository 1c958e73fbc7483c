"""A journal that another engine keeps, in no file of ours: what is of files says so, and the rest goes without."""

from __future__ import annotations

import pytest

from mycel_runtime.checks.presence import daemon_findings
from mycel_runtime.daemon.metrics.journal_files import journal_family
from mycel_runtime.daemon.upkeep.backups import back_up_agent, restore_agent
from mycel_runtime.errors import BackupError
from mycel_runtime.journal.port.engine import JournalEngine


class Elsewhere(JournalEngine):
    where = "elsewhere://journal"
    files = None


def test_it_is_neither_copied_nor_replaced_and_nothing_is_made(tmp_path):
    state, backup = tmp_path / "state", tmp_path / "backup"
    with pytest.raises(BackupError, match="in no file") as refused:
        back_up_agent(Elsewhere(), backup, program="1")
    with pytest.raises(BackupError, match="in no file"):
        restore_agent(Elsewhere(), backup, state, user_id=None, is_other_identity=False, has_rested=False)

    assert refused.value.where == "elsewhere://journal"
    assert "by the means of what keeps it" in refused.value.fix
    assert list(tmp_path.iterdir()) == []


def test_of_its_files_no_size_is_told_and_of_those_of_the_host_theirs(tmp_path):
    (tmp_path / "journal.capture.sqlite3").write_bytes(b"x" * 7)

    family = journal_family("a", None, tmp_path)
    assert [(each.labels["file"], each.value) for each in family.samples] == [("capture", 7)]


def test_nobody_is_looked_for_who_has_locked_it(tmp_path):
    (finding,), status = daemon_findings(tmp_path, None)

    assert (finding.level, finding.text, status) == ("ok", "does not run", None)
