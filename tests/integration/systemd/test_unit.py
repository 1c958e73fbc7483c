"""The systemd unit: accepted as it stands, hardened, and in step with the daemon it runs."""

from __future__ import annotations

import configparser
import inspect
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from mycel_runtime import errors
from mycel_runtime.cli.backup import backup
from mycel_runtime.cli.failure import EXIT_INTERNAL, EXIT_USAGE
from mycel_runtime.daemon.agent_failures import FINAL_EXIT_CODES
from mycel_runtime.errors import ControlError
from mycel_runtime.settings import DaemonSettings

SYSTEMD = Path(__file__).parents[3] / "systemd"

UNIT = SYSTEMD / "mycel-runtime@.service"

FOLDER = SYSTEMD / "mycel-runtime-agents.service"

BACKUP = SYSTEMD / "mycel-runtime-backup@.service"

DROP_INS = sorted((SYSTEMD / "agents").glob("*.conf"))

EXPOSURE = {"node": 1.5, "program": 1.4}
"""What `systemd-analyze security` may say at most with each drop-in; 10 is a service without a sandbox."""

needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed"
)


class _UnitFile(configparser.RawConfigParser):
    """A unit file whose keys keep their case; of a key given twice, the last one counts."""

    def __init__(self, path=UNIT):
        super().__init__(strict=False, delimiters=("=",), comment_prefixes=("#", ";"), interpolation=None)
        self.read(path)

    def optionxform(self, optionstr):
        return optionstr


@pytest.fixture(scope="module")
def unit():
    return _UnitFile()


@pytest.fixture
def instance(tmp_path):
    """
    The unit as an instance with a program that exists: `verify` insists on an absolute, executable one.

    The daemon is not installed where the unit says on the machine that runs this test.
    """
    return _with_a_program(UNIT, tmp_path / "mycel-runtime@codex-a.service")


def _with_a_program(unit, path):
    program = Path(shutil.which("true") or "/bin/true").resolve()
    text, replaced = re.subn(r"(?m)^(Exec(?:Start|Reload))=\S+", rf"\1={program}", unit.read_text())
    assert replaced == 2
    path.write_text(text)
    return path


@needs_systemd
def test_systemd_accepts_every_line_of_the_unit_of_a_folder(tmp_path):
    path = _with_a_program(FOLDER, tmp_path / FOLDER.name)
    result = analyze("verify", "--man=no", str(path))
    assert (result.returncode, result.stderr, result.stdout) == (0, "", "")
    assert _exposure(analyze("security", "--offline=true", str(path))) <= 1.5


def analyze(*arguments):
    return subprocess.run(
        ["systemd-analyze", "--no-pager", *arguments],
        capture_output=True,
        text=True,
        timeout=45,
        check=False,
    )


@needs_systemd
def test_systemd_accepts_every_line(instance):
    """An unknown key is only a warning, with exit status 0: nothing may be said at all."""
    result = analyze("verify", "--man=no", str(instance))
    assert (result.returncode, result.stderr, result.stdout) == (0, "", "")


@needs_systemd
def test_systemd_accepts_the_service_and_the_timer_of_backups(tmp_path):
    program = Path(shutil.which("true") or "/bin/true").resolve()
    service, timer = (tmp_path / f"mycel-runtime-backup@codex-a.{kind}" for kind in ("service", "timer"))
    service.write_text(re.sub(r"(?m)^(ExecStart)=\S+", rf"\1={program}", BACKUP.read_text()))
    timer.write_text(BACKUP.with_suffix(".timer").read_text())
    for path in (service, timer):
        result = analyze("verify", "--man=no", str(path))
        assert (result.returncode, result.stderr, result.stdout) == (0, "", "")
    assert _exposure(analyze("security", "--offline=true", str(service))) <= 2.0


def test_backups_are_made_daily_of_whatever_a_unit_runs():
    """`--config NAME` is what finds the file of a unit, be it an instance, one by itself, or that of a folder."""
    service, timer = _UnitFile(BACKUP), _UnitFile(BACKUP.with_suffix(".timer"))
    command = service["Service"]["ExecStart"].split()
    assert command[0] == _UnitFile()["Service"]["ExecStart"].split()[0]
    context = backup.make_context(command[1], command[2:], resilient_parsing=True)
    assert (context.params["keep"], str(context.params["folder"])) == (14, "/var/backups/mycel-runtime")
    assert command[2:4] == ["--config", "%i"]
    assert (service["Service"]["Type"], service["Service"]["UMask"]) == ("oneshot", "0077")
    assert (timer["Timer"]["OnCalendar"], timer["Timer"]["Persistent"]) == ("daily", "yes")
    assert timer["Install"]["WantedBy"] == "timers.target"


@needs_systemd
def test_verify_would_notice_an_unknown_key(instance):
    """The test above is worth something only if silence means acceptance."""
    instance.write_text(instance.read_text().replace("Type=notify", "Type=notify\nNoSuchKey=5"))
    assert "NoSuchKey" in analyze("verify", "--man=no", str(instance)).stderr


@needs_systemd
def test_exposure_is_at_most_two(instance):
    assert _exposure(analyze("security", "--offline=true", str(instance))) <= 2.0


def _exposure(result):
    level = re.search(r"Overall exposure level for \S+: (\d+\.\d)", result.stdout)
    assert level, result.stderr
    return float(level[1])


@pytest.mark.slow
@needs_systemd
@pytest.mark.parametrize("path", DROP_INS, ids=lambda path: path.stem)
def test_systemd_accepts_every_line_of_a_drop_in_and_exposure_stays_low(path, instance):
    folder = _drop_in_folder(instance)
    shutil.copy(path, folder / "agent.conf")
    accepted = analyze("verify", "--man=no", str(instance))
    assert (accepted.returncode, accepted.stderr, accepted.stdout) == (0, "", "")
    # `security` reads one file.
    instance.write_text(instance.read_text() + path.read_text())
    assert _exposure(analyze("security", "--offline=true", str(instance))) <= EXPOSURE[path.stem]


@pytest.mark.slow
@needs_systemd
def test_verify_would_notice_an_unknown_key_in_a_drop_in(instance):
    (_drop_in_folder(instance) / "agent.conf").write_text("[Service]\nNoSuchKey=5\n")
    assert "NoSuchKey" in analyze("verify", "--man=no", str(instance)).stderr


def _drop_in_folder(instance):
    folder = instance.with_name(f"{instance.name}.d")
    folder.mkdir()
    return folder


@pytest.mark.parametrize("path", DROP_INS, ids=lambda path: path.stem)
def test_a_drop_in_gives_back_only_what_agents_need(path):
    """Whoever adds a line here says in it why, and looks at what it opens."""
    given = set(_UnitFile(path)["Service"])
    common = {
        "ProcSubset",
        "ExecStartPre",
        "Environment",
        "EnvironmentFile",
        "MemoryMax",
        "TasksMax",
        "OOMPolicy",
    }
    assert given - common == ({"MemoryDenyWriteExecute"} if path.stem == "node" else set())


def test_start_is_final_exactly_where_starting_again_cannot_help(unit):
    """A unit that ignores the exit codes restarts a refused identity for ever, or leaves a crash for dead."""
    of_errors = _exit_codes()
    final = {int(code) for code in unit["Service"]["RestartPreventExitStatus"].split()}
    passing = {EXIT_INTERNAL, ControlError.exit_code}
    assert of_errors - passing == {EXIT_USAGE} | FINAL_EXIT_CODES
    assert final == of_errors - passing
    assert unit["Service"]["Restart"] == "always"


def _exit_codes():
    classes = [cls for _, cls in inspect.getmembers(errors, inspect.isclass)]
    return {cls.exit_code for cls in classes if issubclass(cls, errors.MycelError)}


def test_stop_timeout_leaves_room_after_the_drain(unit):
    stop = int(unit["Service"]["TimeoutStopSec"])
    assert stop >= DaemonSettings().drain_timeout + 15


def test_handlers_are_not_killed_before_the_drain(unit):
    """`control-group` would send TERM to the programs that handlers started, at once."""
    assert unit["Service"]["KillMode"] == "mixed"


def test_slow_failures_count_as_a_restart_loop(unit):
    """The limit only ever trips if its window holds the whole burst at its slowest."""
    service, limits = unit["Service"], unit["Unit"]
    slowest = int(service["TimeoutStartSec"]) + int(service["RestartSec"])
    assert int(limits["StartLimitIntervalSec"]) > int(limits["StartLimitBurst"]) * slowest
    assert not {"StartLimitIntervalSec", "StartLimitBurst"} & set(service)


def test_the_daemon_is_ready_by_its_own_word_and_watched(unit):
    service = unit["Service"]
    assert (service["Type"], service["NotifyAccess"]) == ("notify", "main")
    assert int(service["WatchdogSec"]) > 0


def test_the_token_is_a_credential_and_the_state_is_private(unit):
    service = unit["Service"]
    assert service["LoadCredential"].startswith("agent.token:/")
    assert service["StateDirectory"] == "mycel-runtime/%i"
    assert (service["StateDirectoryMode"], service["UMask"], service["LimitCORE"]) == ("0700", "0077", "0")


def test_every_instance_runs_its_own_config(unit):
    assert unit["Service"]["ExecStart"].endswith("mycel-runtime run --config /etc/mycel-runtime/%i.toml")


def test_a_reload_is_waited_for_and_may_fail(unit):
    """A signal is neither: systemd 252 does not wait for a daemon that is slow to say that it has begun."""
    assert unit["Service"]["ExecReload"] == unit["Service"]["ExecStart"].replace(" run ", " reload ")


OF_A_FOLDER = {
    "ExecStart",
    "ExecReload",
    "LoadCredential",
    "StateDirectory",
    "Environment",
    "UnsetEnvironment",
    "MemoryMax",
    "TasksMax",
}
"""In what the unit of a folder may be another one than that of an instance."""


def test_the_unit_of_a_folder_is_that_of_an_instance_but_for_what_a_folder_needs(unit):
    """A line that is hardened in one and forgotten in the other would be found by nobody."""
    folder = _UnitFile(FOLDER)
    here, there = dict(unit["Service"]), dict(folder["Service"])
    assert {key for key in here.keys() | there.keys() if here.get(key) != there.get(key)} == OF_A_FOLDER
    limits = [dict(each["Unit"]) | {"Description": ""} for each in (unit, folder)]
    assert limits[0] == limits[1]
    assert there["ExecReload"] == there["ExecStart"].replace(" run ", " reload ")
