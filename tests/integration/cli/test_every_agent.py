"""One command for all agents of a folder, or for the one of a unit: what is wrong with one hides no other."""

from __future__ import annotations

import asyncio
import contextlib
import threading

import pytest
from click.testing import CliRunner

from mycel_runtime.cli import every_agent
from mycel_runtime.cli.dead import dead
from mycel_runtime.cli.drain import drain
from mycel_runtime.cli.outbox import outbox
from mycel_runtime.cli.pause import pause
from mycel_runtime.cli.reload import reload
from mycel_runtime.cli.resume import resume
from mycel_runtime.cli.store import store
from mycel_runtime.cli.target import config_of
from mycel_runtime.cli.version import version
from mycel_runtime.cli.work import work
from mycel_runtime.errors import ConfigError, NoDaemonError
from mycel_runtime.units.escaping import argument, text_of_argument
from tests.integration.cli.test_at_rest import filled
from tests.integration.journal.journal_file import modes


@pytest.fixture
def folder(tmp_path):
    """Of two agents that do not run, the second with a plugin more, and of one whose file is wrong."""
    made = tmp_path / "agents"
    made.mkdir()
    for name, more in (("one", ""), ("two", "[plugins.echo_too]\npath = 'e.py'\n")):
        state = tmp_path / name
        state.mkdir()
        (made / f"{name}.toml").write_text(
            f'[agent]\nname = "{name}"\nbase_url = "embedded"\nstate_dir = "{state}"\n[plugins.echo]\n{more}'
        )
        asyncio.run(filled(state))
    return made


def run(command, folder, *arguments):
    result = CliRunner().invoke(command, ["--config", str(folder), *arguments])
    return result.exit_code, result.stdout.splitlines(), result.stderr


def test_all_agents_of_a_folder_are_paused_and_resumed(folder):
    assert run(pause, folder)[:2] == (0, ["agent one is paused", "agent two is paused"])
    assert run(resume, folder / "one.toml")[:2] == (0, ["agent one goes on"])
    code, lines, trouble = run(resume, folder)
    assert (code, lines) == (0, ["agent two goes on"]), "one had nothing to resume, and that is well"
    assert "one: the agent is not paused" in trouble
    code, lines, trouble = run(resume, folder)
    assert (code, lines) == (64, [])
    assert trouble.count("the agent is not paused") == 2


def test_one_of_a_folder_that_has_no_such_plugin_or_a_wrong_file_hides_no_other(folder):
    code, lines, trouble = run(pause, folder, "--plugin", "echo_too")
    assert (code, lines) == (0, ["two: plugin echo_too is paused"])
    assert "one: the agent has no plugin echo_too" in trouble

    (folder / "bad.toml").write_text("[agent]\nname = 3\n")
    code, lines, trouble = run(pause, folder)
    assert (code, lines) == (78, ["agent one is paused", "agent two is paused"])
    assert "bad: " in trouble


@pytest.mark.parametrize("group", [dead, work, outbox, store])
def test_a_wrong_file_hides_no_list_of_another_agent(folder, group):
    """It comes first by name: nothing was listed at all."""
    (folder / "bad.toml").write_text("[agent]\nname = 3\n")
    listed = CliRunner().invoke(group, ["list", "--config", str(folder)])

    assert {line.split("  ")[0] for line in listed.stdout.splitlines()} == {"one", "two"}
    assert listed.exit_code == 78
    assert "bad: " in listed.stderr


def test_a_wrong_file_hides_no_version_of_another_agent(folder):
    (folder / "bad.toml").write_text("[agent]\nname = 3\n")
    code, lines, trouble = run(version, folder)
    assert (code, lines[1:]) == (78, ["one: does not run", "two: does not run"])
    assert "bad: " in trouble


def test_of_many_agents_a_bounded_number_is_waited_for_at_a_time(folder, monkeypatch):
    """All are asked, each once; the next one when another has answered."""
    monkeypatch.setattr(every_agent, "ASKED_AT_ONCE", 3)
    text = (folder / "one.toml").read_text()
    for number in range(20):
        (folder / f"more{number:02}.toml").write_text(text)
    meeting, waiting, most = threading.Barrier(3), [], []

    def ask(target):
        waiting.append(target.config.name)
        most.append(len(waiting))
        with contextlib.suppress(threading.BrokenBarrierError):
            meeting.wait(timeout=60 if len(most) <= 21 else 0)
        waiting.remove(target.config.name)
        return target.config.name

    told = []
    assert every_agent.each_agent_at_once(folder, ask, lambda _, answer: told.append(answer) or 0) == 0
    assert sorted(told) == sorted(path.name for path in folder.iterdir())
    assert max(most) == 3


@pytest.mark.parametrize("command", [drain, reload])
def test_each_daemon_that_does_not_run_is_named_with_the_command_that_starts_it(folder, command):
    code, lines, trouble = run(command, folder)

    assert (code, lines) == (75, [])
    for name in ("one", "two"):
        assert f"{name}: " in trouble
        assert f"Start it: mycel-runtime run --config {folder}/{name}.toml" in trouble


def test_what_is_about_one_agent_names_the_files(folder):
    result = CliRunner().invoke(dead, ["drop", "--config", str(folder), "1"])
    assert "name one of them with --config" in result.stderr
    assert str(folder / "one.toml") in result.stderr


def test_a_unit_that_names_its_file_is_found_by_its_name(folder, tmp_path, monkeypatch):
    units = tmp_path / "units"
    units.mkdir()
    monkeypatch.setenv("SYSTEMD_UNIT_PATH", str(units))
    odd = tmp_path / 'a $ and 100% "odd"\\folder'
    for name, config in (("agents", folder), ("one", folder / "one.toml"), ("odd", odd)):
        started = f"/opt/bin/mycel-runtime run --config {argument(str(config))}"
        (units / f"mycel-runtime-{name}.service").write_text(f"[Service]\nExecStart={started}\n")
        assert text_of_argument(argument(str(config))) == str(config)
        for asked in (name, f"mycel-runtime-{name}", f"mycel-runtime-{name}.service"):
            assert config_of(asked) == config

    assert run(pause, "mycel-runtime-agents")[:2] == (0, ["agent one is paused", "agent two is paused"])
    assert run(resume, "one")[:2] == (0, ["agent one goes on"])


def test_an_agent_of_a_unit_that_has_never_run_is_not_paused_where_nobody_looks(tmp_path, monkeypatch):
    """systemd makes the folder of its state: what would be written below a home the daemon would never read."""
    monkeypatch.setenv("SYSTEMD_UNIT_PATH", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home"))
    config = tmp_path / "one.toml"
    config.write_text('[agent]\nname = "one"\nbase_url = "embedded"\n[plugins.echo]\n')
    unit = tmp_path / "mycel-runtime-one.service"
    unit.write_text(f"[Service]\nExecStart=/opt/bin/mycel-runtime run --config {config}\n")

    refused = CliRunner().invoke(pause, ["--config", str(config)]).exception
    assert isinstance(refused, NoDaemonError)
    assert "systemctl start mycel-runtime-one" in str(refused)
    assert not (tmp_path / "home").exists()

    unit.unlink()
    assert run(pause, config)[:2] == (0, ["agent one is paused"])
    assert run(pause, config)[:2] == (0, ["agent one was paused already"])
    assert run(resume, config)[:2] == (0, ["agent one goes on"])
    assert set(modes(tmp_path / "home" / "mycel-runtime" / "one").values()) == {0o600}


def test_a_word_that_is_neither_a_folder_nor_a_unit_is_told_as_both(tmp_path, monkeypatch):
    """Whoever has mistyped a folder in this directory was told of a file in /etc that he had never heard of."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError) as raised:
        config_of("agnts")
    told = str(raised.value)
    assert f"agnts: neither a file or folder in {tmp_path}, nor a unit" in told
    assert "/etc/mycel-runtime/agnts.toml" in told
    assert "mycel-runtime-agnts.service" in told
    assert "./agnts" in told
    assert isinstance(CliRunner().invoke(pause, ["--config", "agnts"]).exception, ConfigError)
    assert str(config_of("mycel-runtime@agnts")) == "/etc/mycel-runtime/agnts.toml", "plainly a unit"
