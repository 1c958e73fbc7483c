"""What the command line says of an error that quotes a server."""

from __future__ import annotations

import subprocess
import sys

import click
import pytest

from mycel_runtime.cli import main
from mycel_runtime.errors import IdentityRefusedError


@pytest.mark.parametrize("kind", [click.UsageError, lambda text: IdentityRefusedError("http://b", text)])
def test_a_servers_words_steer_no_terminal(monkeypatch, capsys, kind):
    def fail(**_options):
        raise kind("no\x1b]0;owned\x07")

    monkeypatch.setattr(main, "cli", type("Cli", (), {"main": staticmethod(fail)}))

    assert main._run() in {64, 77}
    said = capsys.readouterr().err
    assert r"no\x1b]0;owned\x07" in said
    assert "\x1b" not in said


def test_who_has_closed_its_input_is_asked_in_vain():
    """As where it had ended at once; Python gives such a process no standard input at all."""
    command = [sys.executable, "-m", "mycel_runtime", "store", "clear", "echo"]

    asked = subprocess.run(
        ["sh", "-c", 'exec "$@" <&-', "sh", *command], capture_output=True, text=True, timeout=60, check=False
    )

    assert (asked.returncode, "internal error" in asked.stderr) == (main.EXIT_INTERRUPTED, False)
