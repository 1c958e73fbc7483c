"""`mycel-runtime init` as a stranger has it: questions on a terminal, an agent that answers, and what is left."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import socket
import subprocess
import sys
import tomllib

import pytest

from mycel_runtime.daemon.control import short_address
from mycel_runtime.daemon.state_dir import SOCKET_NAME
from tests.acceptance.conftest import DEADLINE, until
from tests.acceptance.terminal import Terminal

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]

QUIET = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)

INIT = [sys.executable, "-m", "mycel_runtime", "init"]


@pytest.fixture
def homes(tmp_path):
    """The environment of somebody whose home is empty."""
    names = {"XDG_CONFIG_HOME": "config", "XDG_STATE_HOME": "state", "HOME": "home"}
    return os.environ | {name: str(tmp_path / folder) for name, folder in names.items()}


@pytest.fixture
def terminal(tmp_path, homes):
    with contextlib.ExitStack() as stack:

        def open_terminal(command):
            opened = Terminal(command, tmp_path, homes)
            stack.callback(opened.close)
            return opened

        yield open_terminal


def answer(terminal, *pairs):
    """Wait for each question, behind the answer to the one before, and answer it."""
    for question, said in pairs:
        wait_for(terminal, question)
        terminal.type(said() if callable(said) else said)


def wait_for(terminal, question):
    """Whether it is what was asked last."""
    terminal.read_until(lambda text: question in text.rpartition("\n")[2])


def interrupt(terminal):
    """Ctrl-C, as often as it takes: one that comes while a prompt is being written is not heard by Python."""
    with contextlib.suppress(AssertionError):
        terminal.type("\x03")
        return terminal.exit_code(5)
    terminal.type("\x03")
    return terminal.exit_code()


def test_a_stranger_registers_on_a_terminal_and_is_answered(terminal, backend, tmp_path):
    invite = backend.ask("invite")["invite_code"]
    stranger = terminal(shlex.join(INIT))
    answer(
        stranger,
        ("Backend [local]: ", f"{backend.base_url}\n"),
        ("Log in, register, or be a guest", "register\n"),
        ("E-mail address: ", "ada@example.org\n"),
        ("Password of ada@example.org: ", "s3cret\n"),
        ("Invite code: ", f"{invite}\n"),
        ("One-time code", lambda: backend.ask("codes")["ada@example.org"] + "\n"),
        ("Plugin [echo]: ", "acp\n"),
        ("Which agent", "claude\n"),  # It is not installed: something else is chosen.
        ("Plugin [echo]: ", "\n"),
        ("Name of the agent [echo]: ", "my-echo\n"),
    )
    assert stranger.exit_code() == 0, stranger.text

    assert "claude-agent-acp" in stranger.text
    assert "npm install" in stranger.text
    assert "my-echo> echo: Hello, is anybody there?\n" in stranger.text
    config = tomllib.loads((tmp_path / "agent.toml").read_text())
    assert config["agent"] == {
        "name": "my-echo",
        "base_url": backend.base_url,
        "user_id": "my-echo",
        "token_file": "my-echo.token",
    }
    assert config["plugins"] == {"echo": {}}
    (owner,) = (tmp_path / "config").rglob("*.json")
    tokens = [(tmp_path / "my-echo.token").read_text().strip(), json.loads(owner.read_text())["token"]]
    secrets = [*tokens, "s3cret", invite, backend.ask("codes")["ada@example.org"]]
    assert [secret for secret in secrets if secret in stranger.text] == []


def is_gone(state_dir):
    """Whether no daemon answers there."""
    if not state_dir.exists():
        return True
    with (
        socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe,
        short_address(state_dir / SOCKET_NAME) as address,
    ):
        return probe.connect_ex(address) != 0


def test_whoever_is_killed_leaves_no_agent_running_and_begins_again(terminal, homes, tmp_path):
    """On a backend of its own; the agent is at work when its starter dies."""
    state_dir = tmp_path / "state/mycel-runtime/echo"
    killed = subprocess.Popen(INIT, cwd=tmp_path, env=homes, **QUIET)
    until(lambda: not is_gone(state_dir))
    killed.kill()
    killed.wait(DEADLINE)
    until(lambda: is_gone(state_dir))
    before = (tmp_path / "agent.toml").read_bytes()

    interrupted = terminal(shlex.join(INIT))
    interrupted.read_until("Starting the agent")
    assert interrupt(interrupted) == 130, interrupted.text
    assert is_gone(state_dir)
    assert "agent.toml is there and whole" in interrupted.text

    done = subprocess.run(
        [*INIT, "--json"],
        cwd=tmp_path,
        env=homes,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert (said["is_new"], said["answer"]) == (False, "echo: Hello, is anybody there?")
    assert (tmp_path / "agent.toml").read_bytes() == before
    assert is_gone(state_dir)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["agent.toml", "state"]


def test_whoever_ends_the_questions_has_made_nothing(terminal, tmp_path):
    stranger = terminal(shlex.join(INIT))
    answer(stranger, ("Backend", "\n"), ("Plugin [", "\n"))
    wait_for(stranger, "Name of")

    assert interrupt(stranger) == 130, stranger.text
    assert list(tmp_path.iterdir()) == []
    assert "was not written" in stranger.text


def test_an_agent_that_ends_by_itself_is_heard_out(tmp_path, homes):
    """Its configuration can be read, and it cannot start: its own words and its exit code."""
    (tmp_path / "mine.py").write_text(
        "import os\nfrom mycel_runtime import Plugin\nplugin = Plugin('mine')\n"
        "@plugin.on_message\nasync def f(ctx): pass\n"
        "if 'FAIL' in os.environ and 'run' in __import__('sys').argv: raise ValueError('no model')\n"
    )
    done = subprocess.run(
        [*INIT, "--plugin", "mine.py"],
        cwd=tmp_path,
        env=homes | {"FAIL": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )

    assert done.returncode == 78, done.stderr
    assert "cannot be imported: ValueError" in done.stderr
    assert "agent.toml is there and whole" in done.stderr
    assert not list((tmp_path / "state").rglob("control.sock"))
