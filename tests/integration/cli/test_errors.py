"""What the command line says of an error that quotes a server."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import click
import pytest

from mycel_runtime.cli import main
from mycel_runtime.cli.target import only_target_of
from mycel_runtime.daemon.control import control_server
from mycel_runtime.errors import IdentityRefusedError, NoDaemonError
from mycel_runtime.plugin.inventory import plugins_of
from mycel_runtime.settings import load_settings


@pytest.mark.parametrize("kind", [click.UsageError, lambda text: IdentityRefusedError("http://b", text)])
def test_a_servers_words_steer_no_terminal(monkeypatch, capsys, kind):
    def fail(**_options):
        raise kind("no\x1b]0;owned\x07")

    monkeypatch.setattr(main, "cli", type("Cli", (), {"main": staticmethod(fail)}))

    assert main._run() in {64, 77}
    said = capsys.readouterr().err
    assert r"no\x1b]0;owned\x07" in said
    assert "\x1b" not in said


class Remembering:
    """The verbs of a daemon whose plugin remembers something; nothing is cleared."""

    async def stores(self):
        return [{"plugin": "echo", "chat_id": "", "items": 1, "size": 1}]


def agent_in(folder):
    config = folder / "agent.toml"
    config.write_text(
        f'[agent]\nname = "a"\nbase_url = "embedded"\nstate_dir = "{folder}/state"\n[plugins.echo]\n'
    )
    (folder / "state").mkdir()
    return config


async def cleared(config, plugin):
    """`store clear` with a closed standard input."""
    command = [sys.executable, "-m", "mycel_runtime", "store", "clear", plugin, "--config", str(config)]
    return await asyncio.to_thread(
        subprocess.run,
        ["sh", "-c", 'exec "$@" <&-', "sh", *command],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


async def test_who_has_closed_its_input_is_asked_in_vain_and_a_wrong_name_is_told_before(tmp_path):
    """As where it had ended at once; Python gives such a process no standard input at all."""
    config = agent_in(tmp_path)

    async def status():
        raise AssertionError("nobody asks")

    async with control_server(tmp_path / "state", status, Remembering):
        asked = await cleared(config, "echo")
        unknown = await cleared(config, "ecko")

    assert (asked.returncode, "internal error" in asked.stderr) == (64, False)
    assert "Go on?" in asked.stdout + asked.stderr
    assert "if you are sure, add --yes" in asked.stderr
    assert unknown.returncode == 64
    assert "no plugin ecko is known; those that remember something: echo" in unknown.stderr
    assert "Go on?" not in unknown.stdout + unknown.stderr


def test_without_a_daemon_the_command_that_starts_it_is_named_with_the_real_file(tmp_path, monkeypatch):
    config = agent_in(tmp_path)
    with pytest.raises(NoDaemonError) as told:
        only_target_of(config).ask("stores")
    assert str(told.value).endswith(
        f"no daemon answers here\n  Start it: mycel-runtime run --config {config}"
    )

    unit = tmp_path / "mycel-runtime-a.service"
    unit.write_text(f"[Service]\nExecStart=/bin/mycel-runtime run --config {config}\n")
    monkeypatch.setenv("SYSTEMD_UNIT_PATH", str(tmp_path))
    with pytest.raises(NoDaemonError, match="Start it: systemctl start mycel-runtime-a"):
        only_target_of(config).status()


def test_what_is_wrong_with_a_table_as_a_whole_is_not_called_a_value(tmp_path):
    """Its author has said what to do."""
    config = agent_in(tmp_path)
    with config.open("a") as file:
        file.write('[plugins.llm]\nmodel = "m"\n')
    (refused,) = [row for row in plugins_of(load_settings(config).plugins, config) if row.name == "llm"]
    assert "missing" in refused.problem
    assert refused.fix != "Correct the value."
