"""What `mycel-runtime unit` prints: the packaged unit with our paths, which systemd takes in silence."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from mycel_runtime.checks.unit import unit_findings
from mycel_runtime.cli.main import cli
from mycel_runtime.errors import ConfigError
from mycel_runtime.journal.file_name import APPLICATION_ID
from mycel_runtime.journal.sqlite.moved import MOVED_ID
from mycel_runtime.units.escaping import argument, mount_source, word
from mycel_runtime.units.installed import config_started_by, find_unit
from mycel_runtime.units.made import made_unit
from mycel_runtime.units.packaged import OF_FOLDER, TEMPLATE, drop_in_for, packaged
from mycel_runtime.units.unit_text import UnitWish, unit_text

DEADLINE = 60

ODD = "we ird%i $HOME \"q\" c:d b\\s 'a'"
"""What a path may have in it, and means something to systemd."""

needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed"
)


def configured(folder, *, agent="", plugins="[plugins.echo]\n"):
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "codex-a.toml"
    config.write_text(f'[agent]\nname = "codex-a"\nbase_url = "http://127.0.0.1:1"\n{agent}\n{plugins}')
    (folder / "codex-a.token").write_text("t")
    (folder / "codex-a.token").chmod(0o600)
    return config


def printed(config, *, is_for_user=False):
    return made_unit(config, is_for_user=is_for_user).text


def verified(path, *arguments, **environment):
    """What systemd says of a unit: an unknown key is only a warning, with exit status 0."""
    ended = subprocess.run(
        ["systemd-analyze", "--no-pager", *arguments, "verify", "--man=no", path],
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
        env=os.environ | environment,
    )
    return ended.stderr + ended.stdout


def settings_of(text):
    return [line for line in text.splitlines() if line and line[0] not in "#["]


@needs_systemd
@pytest.mark.slow
@pytest.mark.parametrize(
    ("agent", "plugins"),
    [
        ("", "[plugins.echo]\n"),
        ('state_dir = "st ate"', '[plugins.acp]\nagent = "claude"\n'),
        ("", '[plugins.command]\ncommand = ["true"]\n'),
    ],
)
def test_systemd_takes_it_in_silence_whatever_is_in_a_path(tmp_path, agent, plugins):
    config = configured(tmp_path / ODD, agent=agent, plugins=plugins)
    unit = tmp_path / "mycel-runtime-codex-a.service"
    unit.write_text(printed(config))
    assert verified(unit) == ""
    unit.write_text(unit.read_text().replace("[Service]", "[Service]\nNoSuchKey=5"))
    assert "NoSuchKey" in verified(unit)


@needs_systemd
@pytest.mark.slow
def test_a_users_own_systemd_takes_it_in_silence(tmp_path):
    config = configured(tmp_path / ODD, plugins='[plugins.acp]\nagent = "claude"\n')
    unit = tmp_path / "mycel-runtime-codex-a.service"
    unit.write_text(printed(config, is_for_user=True))
    assert verified(unit, "--user", XDG_RUNTIME_DIR=str(tmp_path)) == ""
    keys = {line.partition("=")[0] for line in settings_of(unit.read_text())}
    assert not keys & {"DynamicUser", "LoadCredential", "CapabilityBoundingSet", "ProtectSystem", "Wants"}
    assert "WantedBy=default.target" in unit.read_text()


@needs_systemd
@pytest.mark.slow
@pytest.mark.parametrize("odd", [ODD, "we ird%i $HOME"])
def test_a_program_with_an_odd_path_is_found_by_systemd(tmp_path, odd):
    """It insists on one that is there and can be run, and takes none with quotes in its path."""
    program = tmp_path / odd / "mycel-runtime"
    program.parent.mkdir()
    program.symlink_to("/bin/true")
    wish = UnitWish(
        name="a",
        program=(str(program),),
        config=tmp_path / odd / "a.toml",
        is_of_folder=False,
        credentials=(),
        state_dirs=(),
        user=None,
        shown=(tmp_path / odd,),
        drop_in=None,
    )
    unit = tmp_path / "mycel-runtime-a.service"
    unit.write_text(unit_text(packaged(TEMPLATE), None, wish, version="1", is_for_user=False))
    assert verified(unit) == ""
    if odd != ODD:
        unit.write_text(unit.read_text().replace("%%i", "%i"))
        assert "is not executable" in verified(unit)


def as_word(text):
    """In quotes where there is a space in it, as in the path of a checkout."""
    return f'"{text}"' if " " in str(text) else str(text)


def test_nothing_of_the_packaged_unit_is_lost_but_its_paths(tmp_path):
    """The two cannot drift: whatever is written there is printed."""
    config = configured(tmp_path / "a")
    tmp_path.chmod(0o755)
    ours, theirs = settings_of(printed(config)), settings_of(packaged(TEMPLATE))
    changed = [line.partition("=")[0] for line in theirs if line not in ours]
    assert sorted(changed) == ["Description", "ExecReload", "ExecStart", "LoadCredential", "StateDirectory"]
    credential = f"agent.token:{config.with_suffix('.token')}"
    assert f"LoadCredential={as_word(credential)}" in ours
    assert "StateDirectory=mycel-runtime/codex-a" in ours
    program = Path(sys.executable).parent / "mycel-runtime"
    assert f"ExecStart={as_word(program)} run --config {as_word(config)}" in ours
    assert f"ExecReload={as_word(program)} reload --config {as_word(config)}" in ours
    assert not [line for line in ours if "%i" in line or "/etc/mycel-runtime" in line]


@pytest.mark.parametrize(
    ("plugins", "drop_in"),
    [
        ({"echo": {}}, None),
        ({"acp": {"agent": "claude"}}, "agents/node.conf"),
        ({"acp": {"command": ["my-agent"]}}, "agents/node.conf"),
        ({"acp": {"agent": "vibe"}}, "agents/program.conf"),
        ({"command": {"command": ["./a.sh"]}}, "agents/program.conf"),
        ({"command": {"recipe": "codex"}}, "agents/node.conf"),
        ({"command": {"command": ["./a.sh"]}, "acp": {"agent": "codex"}}, "agents/node.conf"),
        ({"acp": {"path": "acp.py"}}, None),
    ],
)
def test_the_drop_in_that_a_plugin_needs_is_in_it(tmp_path, plugins, drop_in):
    assert drop_in_for(plugins) == drop_in


def test_a_file_that_only_its_owner_reads_is_run_as_him(tmp_path):
    config = configured(tmp_path / "a")
    config.chmod(0o600)
    text = printed(config)
    assert "User=" in text
    assert "LoadCredential=" not in text


def test_words_are_read_by_systemd_as_they_were():
    assert word("/opt/mycel-runtime/bin/x") == "/opt/mycel-runtime/bin/x"
    assert word('a "b" \\ %') == r'"a \"b\" \\ %%"'
    assert argument("/a/$HOME") == '"/a/$$HOME"'
    assert mount_source("/a:b") == r'"/a\\:b"'


@needs_systemd
@pytest.mark.slow
def test_the_installed_unit_is_compared_and_its_secrets_are_looked_at(tmp_path, monkeypatch):
    config = configured(tmp_path / ODD)
    tmp_path.chmod(0o755)
    folder = tmp_path / "units"
    monkeypatch.setenv("SYSTEMD_UNIT_PATH", f"{folder}:")
    ended = subprocess.run(
        [sys.executable, "-m", "mycel_runtime", "unit", "--config", config, "--folder", folder],
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    assert "systemctl enable --now mycel-runtime-codex-a" in ended.stdout, ended.stderr
    path = folder / "mycel-runtime-codex-a.service"
    assert stat.S_IMODE(path.stat().st_mode) == 0o644

    def found():
        unit = find_unit(config, "codex-a", os.environ)
        return {each.name: each for each in unit_findings(unit)}

    assert {name: each.level for name, each in found().items()} == {"unit": "ok", "unit.credential": "ok"}
    config.with_suffix(".token").chmod(0o644)
    assert (found()["unit.credential"].exit_code, found()["unit"].level) == (78, "ok")
    config.with_suffix(".token").unlink()
    assert "cannot be had" in found()["unit.credential"].text
    path.write_text(path.read_text().replace("ProtectSystem=strict", "ProtectSystm=strict"))
    changed = find_unit(config, "codex-a", os.environ)
    said = [each.text for each in unit_findings(changed)]
    assert "is not what this version prints" in said[0]
    assert "ProtectSystm" in said[1]


def test_the_packaged_unit_is_found_by_its_instance_with_its_drop_ins(tmp_path):
    config = configured(tmp_path / "etc")
    folder = tmp_path / "units"
    folder.mkdir()
    (folder / TEMPLATE).write_text(packaged(TEMPLATE).replace("/etc/mycel-runtime", str(config.parent)))
    (folder / "mycel-runtime@codex-a.service.d").mkdir()
    (folder / "mycel-runtime@codex-a.service.d" / "key.conf").write_text(
        "[Service]\nLoadCredential=webhook.key:/srv/%i.key\n"
    )
    unit = find_unit(config, "codex-a", {"SYSTEMD_UNIT_PATH": str(folder)})
    assert unit.credentials == {
        "agent.token": config.parent / "codex-a.token",
        "webhook.key": Path("/srv/codex-a.key"),
    }
    other = configured(tmp_path / "elsewhere")
    (folder / OF_FOLDER).write_text(
        packaged(OF_FOLDER)
        .replace("/etc/mycel-runtime/agents", str(other.parent))
        .replace("/etc/mycel-runtime", str(other.parent.parent))
    )
    (tmp_path / "tokens").mkdir()
    (tmp_path / "tokens" / "codex-a").touch()
    of_folder = find_unit(other, "codex-a", {"SYSTEMD_UNIT_PATH": str(folder)})
    assert of_folder.credentials == {"token_codex-a": tmp_path / "tokens" / "codex-a"}
    (folder / OF_FOLDER).unlink()
    assert find_unit(other, "codex-a", {"SYSTEMD_UNIT_PATH": str(folder)}) is None


def crew(folder, *names, extra=""):
    """A folder of agents, whose tokens lie beside their files."""
    folder.mkdir(parents=True)
    for name in names:
        text = (
            f'[agent]\nname = "{name}"\nbase_url = "http://127.0.0.1:1"\ntoken_file = "{name}.token"\n{extra}'
        )
        (folder / f"{name}.toml").write_text(f"{text}\n[plugins.echo]\n")
        (folder / f"{name}.token").write_text("t")
    folder.chmod(0o755)
    return folder


def test_nothing_of_the_packaged_unit_of_a_folder_is_lost_but_its_paths(tmp_path):
    (tmp_path / "tokens").mkdir()
    folder = crew(tmp_path / "crew", "ada")
    tmp_path.chmod(0o755)
    ours, theirs = settings_of(printed(folder)), settings_of(packaged(OF_FOLDER))
    changed = sorted(line.partition("=")[0] for line in theirs if line not in ours)
    assert changed == [
        "Description",
        "Environment",
        "ExecReload",
        "ExecStart",
        "LoadCredential",
        "StateDirectory",
    ]
    assert "StateDirectory=mycel-runtime-crew" in ours
    assert "Environment=XDG_STATE_HOME=%S/mycel-runtime-crew" in ours
    assert f"LoadCredential=token:{tmp_path}/tokens" in ours
    assert not [line for line in ours if "mycel-runtime-agents" in line or "/etc/mycel-runtime" in line]


@pytest.mark.parametrize("name", ["agents", "agents-b"])
def test_the_unit_of_a_folder_is_called_after_it(tmp_path, name):
    folder = crew(tmp_path / name, "ada", "bob")
    lines = settings_of(printed(folder))
    assert f"StateDirectory=mycel-runtime-{name}" in lines
    assert [line for line in lines if "Credential=" in line] == [
        f"LoadCredential=token_ada:{folder}/ada.token",
        r"SetCredential=token_ada:\n",
        f"LoadCredential=token_bob:{folder}/bob.token",
        r"SetCredential=token_bob:\n",
    ]


DATABASE = '[engine]\nurl = "postgresql://db.example.org/agents"\n'


def test_the_password_of_the_database_is_handed_over(tmp_path):
    """Its file is root's alone, as the token's is, and the unit's user could not read it."""
    tmp_path.chmod(0o755)
    config = configured(tmp_path / "a", plugins=f'{DATABASE}password_file = "db.password"\n[plugins.echo]\n')
    lines = settings_of(printed(config))
    assert f"LoadCredential={as_word(f'engine.password:{config.parent}/db.password')}" in lines
    config.chmod(0o600)
    assert "engine.password" not in printed(config)
    config.chmod(0o644)
    config.write_text(config.read_text().replace("\nurl = ", "\n# url = "))
    assert "engine.password" not in printed(config)


def test_agents_of_a_folder_have_the_password_of_one_database(tmp_path):
    folder = crew(tmp_path / "crew", "ada", "bob", extra=f'{DATABASE}password_file = "db.password"\n')
    own = [line for line in settings_of(printed(folder)) if "engine.password" in line]
    assert own == [
        f"LoadCredential={as_word(f'engine.password:{folder}/db.password')}",
        r"SetCredential=engine.password:\n",
    ]
    text = (folder / "bob.toml").read_text()
    (folder / "bob.toml").write_text(text.replace("db.password", "other.password"))
    with pytest.raises(ConfigError, match="password_file, and a unit has one"):
        printed(folder)


def worker_of(config, **how):
    return made_unit(config, worker="second", **{"is_for_user": False} | how)


@needs_systemd
@pytest.mark.slow
@pytest.mark.parametrize("is_folder", [False, True])
def test_systemd_takes_the_unit_of_a_worker_in_silence(tmp_path, is_folder):
    """With a state of its own: its user is another one than the agent's, so that neither may open the other's."""
    (tmp_path / ODD).mkdir(mode=0o755)
    tmp_path.chmod(0o755)
    config = crew(tmp_path / ODD / "crew", "ada", extra=DATABASE)
    config = config if is_folder else config / "ada.toml"
    made = worker_of(config)
    name = "crew" if is_folder else "ada"
    unit = tmp_path / f"mycel-runtime-{made.name}.service"
    unit.write_text(made.text)

    assert made.name == f"{name}-second"
    assert verified(unit) == ""
    lines = settings_of(made.text)
    (start,) = [line for line in lines if line.startswith("ExecStart=")]
    assert start.endswith(f" worker --name second --config {argument(str(config))}")
    assert not [line for line in lines if line.startswith("ExecReload=")]
    state = f"mycel-runtime-{made.name}" if is_folder else f"mycel-runtime/{made.name}"
    assert f"StateDirectory={state}" in lines
    assert [line for line in lines if "LoadCredential" in line] == [
        line for line in settings_of(printed(config)) if "LoadCredential" in line
    ]
    assert config_started_by(made.text) == config
    unit.write_text(worker_of(config, is_for_user=True).text)
    assert verified(unit, "--user", XDG_RUNTIME_DIR=str(tmp_path)) == ""


def test_there_is_no_unit_for_a_worker_of_an_agent_without_a_database(tmp_path):
    with pytest.raises(ConfigError, match=r"\[engine\] url: names no database"):
        worker_of(crew(tmp_path / "crew", "ada"))


@needs_systemd
@pytest.mark.slow
@pytest.mark.parametrize("extra", ["", 'state_dir = "states/of one"\n'])
def test_systemd_takes_the_unit_of_a_folder_in_silence(tmp_path, extra):
    folder = crew(tmp_path / ODD / "crew", "ada", extra=extra)
    (folder / "coder.toml").write_text(
        '[agent]\nname = "coder"\nbase_url = "embedded"\n[plugins.acp]\nagent = "claude"\n'
    )
    unit = tmp_path / "mycel-runtime-crew.service"
    unit.write_text(printed(folder))
    assert verified(unit) == ""
    assert "MemoryDenyWriteExecute=no" in unit.read_text()
    assert "HOME=%S/mycel-runtime-crew/home" in unit.read_text()
    assert not [line for line in settings_of(unit.read_text()) if "%i" in line.replace("%%i", "")]
    unit.write_text(printed(folder, is_for_user=True))
    assert verified(unit, "--user", XDG_RUNTIME_DIR=str(tmp_path)) == ""


def test_an_installed_unit_of_a_folder_is_found_for_each_of_its_agents(tmp_path):
    folder = crew(tmp_path / "crew", "ada")
    units = tmp_path / "units"
    units.mkdir()
    (units / "mycel-runtime-crew.service").write_text(printed(folder))
    unit = find_unit(folder / "ada.toml", "ada", {"SYSTEMD_UNIT_PATH": str(units)})
    assert unit.config == folder
    assert unit.credentials == {"token_ada": folder / "ada.token"}
    assert "is not what" not in str([each.text for each in unit_findings(unit)])
    # A file that came later has no credential in it.
    (folder / "bob.toml").write_text((folder / "ada.toml").read_text().replace("ada", "bob"))
    assert "is not what this version prints" in unit_findings(unit)[0].text


def test_agents_that_cannot_share_a_process_have_no_unit_together(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home"))
    folder = crew(tmp_path / "crew", "ada")
    journal = tmp_path / "home/mycel-runtime/ada/journal.sqlite3"
    journal.parent.mkdir(parents=True)
    journal.touch()
    with pytest.raises(ConfigError, match="the unit of a folder does not look"):
        printed(folder)
    with pytest.raises(ConfigError, match="no unit can be called"):
        printed(crew(tmp_path / "a crew", "ada"))


def test_a_journal_that_was_moved_into_a_database_is_not_elsewhere(tmp_path, monkeypatch):
    """What a move leaves is no journal any more; one that was not moved is, and wants to be."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home"))
    folder = crew(tmp_path / "crew", "ada")
    without = printed(folder)
    with (folder / "ada.toml").open("a") as file:
        file.write('[engine]\nurl = "postgresql://agents@db.example/agents"\n')
    journal = tmp_path / "home/mycel-runtime/ada/journal.sqlite3"
    journal.parent.mkdir(parents=True)
    journal.write_bytes(bytes(68) + MOVED_ID.to_bytes(4, "big"))
    assert printed(folder) == without
    journal.write_bytes(bytes(68) + APPLICATION_ID.to_bytes(4, "big"))
    with pytest.raises(
        ConfigError, match=r"(?s)not in the database that .*engine move --config .*/ada\.toml"
    ):
        printed(folder)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_agents_of_two_users_have_no_unit_together(tmp_path):
    folder = crew(tmp_path / "crew", "ada", "bob")
    for name, owner in (("ada", 0), ("bob", 65534)):
        os.chown(folder / f"{name}.toml", owner, -1)
        (folder / f"{name}.toml").chmod(0o600)
    with pytest.raises(ConfigError, match="a process has one user"):
        printed(folder)


def installed(*arguments):
    return CliRunner().invoke(cli, ["unit", *map(str, arguments)], standalone_mode=False)


def test_a_unit_is_written_over_by_a_newer_one_of_the_same_configuration_only(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    config, other = configured(tmp_path / "a"), configured(tmp_path / "b")
    path = tmp_path / "config/systemd/user/mycel-runtime-codex-a.service"
    options = ("--user", "--install", "--config")

    first = installed(*options, config)
    assert first.stdout.splitlines()[0] == str(path)
    assert "restart" not in first.stdout
    assert installed(*options, config).stdout.startswith(f"{path} (unchanged)\n")
    path.write_text(path.read_text().replace("RestartSec=10", "RestartSec=11"))
    again = installed(*options, config)
    assert "systemctl --user restart mycel-runtime-codex-a" in again.stdout
    assert "RestartSec=10" in path.read_text()

    refused = installed(*options, other)
    assert isinstance(refused.exception, ConfigError)
    assert f"is there already, and runs {config}" in str(refused.exception)
    path.write_text("[Service]\nExecStart=/usr/bin/sleep 1\n")
    assert "runs something else" in str(installed(*options, config).exception)
    assert "sleep" in path.read_text()
