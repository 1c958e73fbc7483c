"""From what `make run` starts to a coding agent that answers: five lines, as the plugin's page has them."""

from __future__ import annotations

import difflib
import json
import shutil
import signal
import time
from pathlib import Path
from typing import Final

import pytest

from mycel_runtime.plugin.registry import load_plugins
from mycel_runtime.settings import load_settings
from tests.acceptance.conftest import DEADLINE, ROOT, until
from tests.acceptance.walk import is_ready
from tests.guide import blocks
from tests.plugins.acp.conftest import PlainAgent

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]

PAGE: Final = ROOT / "plugins/mycel_runtime_plugins/acp/README.md"

(LINES,) = [block.text for block in blocks(PAGE) if block.file == "local.toml"]

ANSWER: Final = "Here I am."


@pytest.fixture
def config(tmp_path):
    """A copy of what `make run` runs; its state lies beside its folder."""
    folder = tmp_path / "config"
    folder.mkdir()
    return Path(shutil.copy(ROOT / "config/local.toml", folder))


@pytest.fixture
def coder(tmp_path):
    """Stands for the agent of the page's lines."""
    agent = PlainAgent(tmp_path / "agent")
    agent.folder.mkdir()
    agent.play([["say", ANSWER]])
    return agent


def edited(before, coder):
    """The file with the lines of the page in the place of the echo's; the agent is ours, the line's number stays."""
    assert LINES.count('agent = "claude"\n') == 1
    lines = LINES.replace('agent = "claude"', f"command = {json.dumps(coder.command)}")
    head, table, rest = before.partition("[plugins.echo]")
    assert table
    assert rest.count("\n") == 2, "its table is the last two lines"
    return head + lines


def difference(before, after):
    """The lines that went, and those that came."""
    lines = difflib.ndiff(before.splitlines(), after.splitlines())
    return [line for line in lines if line.startswith(("- ", "+ "))]


def run(start, config, state_dir):
    daemon = start("run", "--config", config)
    until(lambda: is_ready(state_dir))
    return daemon


def test_an_edit_of_five_lines_makes_a_coding_agent_of_what_make_run_starts(start, config, coder, tmp_path):
    """On the state that the echo has left, too: the person's chat goes on, and what was answered stays so."""
    state_dir = tmp_path / "state/echo"
    echo = run(start, config, state_dir)
    echo.wait_for(lambda process: "echo> echo: Hello, is anybody there?" in process.out)
    assert echo.stop(signal.SIGINT) == 0, echo.transcript()

    began = time.monotonic()
    before = config.read_text()
    config.write_text(edited(before, coder))
    agent = run(start, config, state_dir)
    send = start("send", "--config", config, "--wait", str(int(DEADLINE)), "hello, coder")
    assert send.exit_code() == 0, send.transcript() + agent.transcript()
    seconds = time.monotonic() - began
    assert agent.stop(signal.SIGINT) == 0, agent.transcript()

    changed = difference(before, config.read_text())
    assert len(changed) == 5, "\n".join(changed)
    assert send.out == [ANSWER]
    assert "hello, coder" in "".join(coder.prompts)
    (opened,) = coder.record("session/new")
    assert opened["params"]["cwd"].startswith(str(tmp_path / "state/coder"))
    print(f"from the edit to the coding agent's answer: {seconds:.1f} s, {len(changed)} lines changed")


def test_the_lines_of_the_page_are_settings_of_a_known_agent(tmp_path):
    """As they stand there, with the agent that the page names."""
    (tmp_path / "local.toml").write_text(
        (ROOT / "config/local.toml").read_text().partition("[plugins.")[0] + LINES
    )
    (loaded,) = load_plugins(load_settings(tmp_path / "local.toml").plugins, tmp_path / "local.toml")

    assert loaded.settings.program == ("claude-agent-acp",)
