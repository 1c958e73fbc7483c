"""What `mycel-runtime run` finds out before it runs anything."""

from __future__ import annotations

import shlex

from mycel_runtime.cli.own_command import own_command


def test_a_working_directory_that_was_removed_keeps_nobody_from_running(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "")
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()

    (command,) = shlex.split(own_command())
    assert command.endswith("/mycel-runtime")
