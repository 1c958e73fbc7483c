"""Each fault of an agent's set-up is made for real, and found under its own name, with its fix and its exit code."""

from __future__ import annotations

import http.server
import json
import os
import re
import sqlite3
import subprocess
import sys
import threading
import time
from email.utils import formatdate
from pathlib import Path
from typing import ClassVar

import pytest
from click.testing import CliRunner

from mycel_runtime.backend.server import BackendOptions, LocalBackend
from mycel_runtime.checks.backend import Exchange, skew_of
from mycel_runtime.checks.finding import NAMES, Finding, exit_code_of
from mycel_runtime.checks.journal import journal_findings
from mycel_runtime.checks.sqlite_library import sqlite_finding
from mycel_runtime.checks.state import disk_findings
from mycel_runtime.checks.together import check_all
from mycel_runtime.cli.main import cli
from mycel_runtime.journal.engines import engine_of
from mycel_runtime.journal.sqlite.journal import SqliteJournal
from mycel_runtime.sdk import Client
from tests.acceptance.conftest import Household, write_config

DEADLINE = 60


@pytest.fixture(scope="module")
def backend():
    with LocalBackend(BackendOptions()) as running:
        yield running


@pytest.fixture
def household(backend):
    with Client(base_url=backend.base_url) as nobody:
        owner = nobody.auth.create_guest_owner("owner")
    with Client(base_url=backend.base_url, auth_token=owner["token"]) as client:
        agent = client.auth.create_external_user(f"agent-{time.monotonic_ns()}", "Agent")
    return Household(backend.base_url, owner["token"], agent["user"]["id"], agent["token"])


@pytest.fixture
def config(household, tmp_path):
    return write_config(tmp_path / "a", household, plugin="")


def edit(config, old, new):
    text = config.read_text()
    assert old in text
    config.write_text(text.replace(old, new))


def found(config, *, is_offline=True):
    """What is not well, by name; each finding has a name that is documented, and what is wrong has a fix."""
    findings = [each for checkup in check_all(config, is_offline=is_offline) for each in checkup.findings]
    assert {each.name for each in findings} <= set(NAMES)
    wrong = [each for each in findings if each.level in {"warning", "error"} and each.name != "sqlite"]
    assert all(each.fix for each in wrong)
    return wrong


def only(config, name, **how):
    """The one that is not well, where there is nothing else."""
    (finding,) = (each for each in found(config, **how) if each.name != "plugin" or name == "plugin")
    assert finding.name == name
    return finding


def everything_in(folder):
    return {path: path.is_file() and path.read_bytes() for path in sorted(folder.rglob("*"))}


def test_every_mistake_is_told_at_once_by_its_line_and_the_worst_ones_code(config, household):
    edit(config, 'name = "agent"', 'name = "agent"\nnaem = 1')
    edit(config, household.base_url, "http://127.0.0.1:1")
    with config.open("a") as file:
        file.write('[dispatch]\nconcurency = 3\n[plugins.boom]\npath = "boom.py"\n')
    (config.parent / "boom.py").write_text('import os\nprint("x" * 100_000, flush=True)\nos._exit(3)\n')
    (config.parent / "agent.token").chmod(0o644)
    before = everything_in(config.parent)

    ended = subprocess.run(
        [sys.executable, "-m", "mycel_runtime", "check", "--config", config, "--json"],
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )

    said = json.loads(ended.stdout)
    wrong = {(each["name"], each["exit_code"]) for each in said["findings"] if each["level"] == "error"}
    assert wrong == {("configuration", 78), ("token", 78), ("plugin", 78), ("backend", 75)}
    text = "\n".join(each["text"] for each in said["findings"])
    assert "line 3: [agent] naem: unknown key" in text
    assert "[dispatch] concurency: unknown key" in text
    assert "ended its process at import (exit status 3)" in text
    assert "open to others (mode 0644)" in text
    assert "connection_refused" in text
    assert (said["schema"], said["agent"], said["exit_code"], ended.returncode) == (1, "agent", 78, 78)
    assert household.agent_token not in ended.stdout + ended.stderr
    assert everything_in(config.parent) == before


def test_an_agent_that_is_well_has_no_finding_and_nothing_is_made(config, household, backend):
    with config.open("a") as file:
        file.write("[plugins.echo]\n")
    before = everything_in(config.parent)

    assert found(config, is_offline=False) == []

    assert everything_in(config.parent) == before
    (inbox,) = (each for each in backend.ask("inboxes") if each["user_id"] == household.agent_id)
    assert not inbox["is_listening"]


def test_a_file_that_others_can_change_and_a_token_that_they_can_read(config, household):
    config.chmod(0o666)
    assert "mode 0666" in only(config, "configuration.mode").text
    config.chmod(0o644)
    edit(config, 'token_file = "agent.token"', f'token = "{household.agent_token}"')
    finding = only(config, "configuration.mode")
    assert (finding.level, finding.exit_code) == ("error", 78)
    config.chmod(0o600)
    assert [each.name for each in found(config)] == ["plugin"]


@pytest.mark.parametrize(
    ("whose", "said"),
    [("nobody's", "the token was refused"), ("owner's", "a human, not an external agent")],
)
def test_a_token_that_is_refused_and_one_of_the_owner(config, household, whose, said):
    token = household.owner_token if whose == "owner's" else "abc"
    (config.parent / "agent.token").write_text(token)
    finding = only(config, "identity", is_offline=False)
    assert said in finding.text
    assert finding.exit_code == 77


class Elsewhere(http.server.BaseHTTPRequestHandler):
    """Something that answers each question by a document, an hour ago."""

    documents: ClassVar[dict[str, object]] = {}

    def do_GET(self):
        body = json.dumps(self.documents.get(self.path, {"detail": "no"})).encode()
        self.send_response(200 if self.path in self.documents else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def date_time_string(self, timestamp=None):
        return formatdate(time.time() - 3600, usegmt=True)

    def log_message(self, *_):
        pass


def test_a_clock_that_is_wrong_and_a_server_that_is_no_mycel(config, household):
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere) as server:
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        serving.start()
        edit(config, household.base_url, f"http://127.0.0.1:{server.server_address[1]}")
        paths = {"/api/chats/{chat_id}/messages": {}, "/api/runtime/inbox/drain": {}}
        me = {"id": "a", "name": "A", "type": "external"}
        Elsewhere.documents = {"/openapi.json": {"info": {}, "paths": paths}, "/api/auth/me": me}
        clock = only(config, "clock", is_offline=False)
        Elsewhere.documents = {"/openapi.json": {"info": {"title": "Shop"}, "paths": {}}, "/api/auth/me": me}
        names = {each.name: each for each in found(config, is_offline=False)}
        server.shutdown()
        serving.join(DEADLINE)
    assert re.search(r"clock is 3(599|600|601) s ahead of the backend's", clock.text)
    assert clock.level == "warning"
    assert "lacks chat_messages, runtime_inbox" in names["backend"].text
    assert names["backend"].exit_code == 78


def test_a_slow_answer_makes_no_clock_wrong():
    """It was made at some time within the call."""
    ahead, uncertain = skew_of(Exchange(1000.0, 1060.0, formatdate(1059, usegmt=True)))
    assert abs(ahead) - uncertain <= 0
    assert skew_of(Exchange(0.0, 1.0, "yesterday")) is None


def test_plugins_that_hang_raise_or_are_unknown_cost_only_a_finding(config):
    """An isolated one among others is only warned of, as the daemon starts without it."""
    (config.parent / "hang.py").write_text("import time\ntime.sleep(600)\n")
    (config.parent / "fail.py").write_text("1 / 0\n")
    with config.open("a") as file:
        file.write('[plugins.hang]\npath = "hang.py"\nisolation = "process"\nimport_timeout = 0.5\n')
        file.write('[plugins.fail]\npath = "fail.py"\n[plugins.ecko]\n[plugins.echo]\n')
    wrong = {each.subject: each for each in found(config)}
    assert {name: each.exit_code for name, each in wrong.items()} == {"hang": 0, "fail": 78, "ecko": 78}
    assert "not imported within 0.5 s" in wrong["hang"].text
    assert "ZeroDivisionError" in wrong["fail"].text


def without_marks(files):
    """In the index of the log each reader marks how far it reads."""
    return {path: data for path, data in files.items() if path.suffix != ".sqlite3-shm"}


def test_a_key_that_the_unit_hands_over_is_there_for_its_plugin_also_outside_of_the_unit(
    config, tmp_path, monkeypatch
):
    """Who looks by hand has not been handed anything by systemd; in its process each plugin is as the daemon's."""
    key = tmp_path / "llm.key"
    key.touch(mode=0o600)
    key.write_text("sk-of-systemd\n")
    table = '[plugins.llm]\nmodel = "m"\napi_key_credential = "llm.key"\n'
    config.write_text(f"{config.read_text()}\n{table}")
    unit = tmp_path / "mycel-runtime-agent.service"
    started = f"[Service]\nExecStart=/bin/mycel-runtime run --config {config}\n"
    monkeypatch.setenv("SYSTEMD_UNIT_PATH", str(tmp_path))

    (missing,) = [each for each in found(config) if each.name == "plugin"]
    assert "the credential llm.key (there is none) is missing" in missing.text

    unit.write_text(f"{started}LoadCredential=llm.key:{key}\n")
    assert [each for each in found(config) if each.name == "plugin"] == []
    (listed,) = [
        json.loads(line)
        for line in CliRunner()
        .invoke(cli, ["plugins", "list", "--config", str(config), "--json"])
        .stdout.splitlines()
        if json.loads(line)["name"] == "llm"
    ]
    assert (listed["state"], listed["problem"]) == ("ready", "")


async def test_the_journal_is_read_and_neither_changed_nor_locked_beside_its_daemon(config):
    """Its log lives beside it while it is open, and is gone after."""
    state = config.parent / "state"
    state.mkdir(mode=0o700)
    journal = SqliteJournal(state)
    journal.open()
    before = everything_in(state)
    assert {path.name for path in before} >= {"journal.sqlite3", "journal.sqlite3-wal"}
    (beside,) = journal_findings(engine_of(state))
    assert without_marks(everything_in(state)) == without_marks(before)
    await journal.close()
    before = everything_in(state)
    (alone,) = journal_findings(engine_of(state))
    assert everything_in(state) == before
    assert (beside.level, alone.level) == ("ok", "ok")


def test_a_journal_that_is_damaged_foreign_newer_or_without_its_log(config):
    state = config.parent / "state"
    state.mkdir(mode=0o700)
    path = state / "journal.sqlite3"
    path.write_bytes(b"no database at all" * 100)
    path.chmod(0o600)
    assert only(config, "journal").exit_code == 78
    path.unlink()
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE theirs (x)")
    connection.close()
    path.chmod(0o600)
    assert "not a mycel-runtime journal" in only(config, "journal").text
    path.unlink()
    with sqlite3.connect(path) as connection:
        connection.executescript("PRAGMA application_id = 0x4D59434C; PRAGMA user_version = 9999")
    connection.close()
    path.chmod(0o600)
    assert "made by a newer mycel-runtime" in only(config, "journal").text


def test_who_holds_the_journal_and_answers_nobody_is_named_by_his_pid(config):
    """The lock itself stays with whom it is: asking for it could keep a daemon from starting."""
    state = config.parent / "state"
    state.mkdir(mode=0o700)
    script = (
        "import sys\nfrom pathlib import Path\nfrom mycel_runtime.journal.lock import DirectoryLock\n"
        "lock = DirectoryLock(Path(sys.argv[1]))\nlock.acquire()\nprint('held', flush=True)\nsys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, state], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout.readline() == b"held\n"
        finding = only(config, "daemon")
        holder.stdin.close()
        holder.wait(DEADLINE)
    assert f"pid {holder.pid} holds the journal" in finding.text
    assert finding.exit_code == 69
    assert [each.name for each in found(config)] == ["plugin"]


def test_a_state_directory_that_others_can_look_into(config):
    """It may be a link, which has no mode of its own: systemd makes one."""
    real, state = config.parent / "private", config.parent / "state"
    real.mkdir(mode=0o700)
    state.symlink_to(real)
    assert [each.name for each in found(config)] == ["plugin"]
    state.unlink()
    state.mkdir(mode=0o755)
    state.chmod(0o755)
    (state / "embedded.json").touch()
    (state / "embedded.json").chmod(0o644)
    finding = only(config, "state")
    assert finding.fix == f"chmod 600 '{state / 'embedded.json'}'"
    state.chmod(0o777)
    assert [each.level for each in found(config) if each.name == "state"] == ["warning", "warning"]
    (state / "embedded.json").unlink()
    state.rmdir()
    state.write_text("no folder")
    assert only(config, "state").exit_code == 78


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_file_of_another_users_would_lock_the_daemon_out(config):
    state = config.parent / "state"
    state.mkdir(mode=0o700)
    (state / "journal.lock").touch(mode=0o600)
    os.chown(state / "journal.lock", 12_345, 12_345)
    finding = only(config, "state")
    assert (finding.exit_code, finding.subject) == (78, str(state / "journal.lock"))


def test_a_disk_without_room():
    """`/proc` is a file system on which nothing is free, on every machine."""
    (finding,) = disk_findings(Path("/proc/nothing/here"))
    assert (finding.level, finding.exit_code) == ("error", 75)
    assert "only 0 MB are free" in finding.text


def test_two_agents_of_a_folder_must_not_share_a_token(config, tmp_path):
    """Their folder is asked as the daemon is started with it."""
    other = config.with_name("other.toml")
    other.write_text(config.read_text().replace('"agent"', '"other"').replace('"state"', '"elsewhere"'))
    wrong = [each for each in found(config.parent) if each.name != "plugin"]
    assert [each.name for each in wrong] == ["configuration.shared"]
    assert "two agents have the same token" in wrong[0].text


@pytest.mark.parametrize(
    ("version", "level"),
    [
        ((3, 36, 0), "error"),
        ((3, 40, 1), "warning"),
        ((3, 44, 5), "warning"),
        ((3, 44, 6), "ok"),
        ((3, 45, 3), "warning"),
        ((3, 50, 7), "ok"),
        ((3, 51, 2), "warning"),
        ((3, 51, 3), "ok"),
        ((3, 52, 0), "ok"),
        ((4, 0, 0), "ok"),
    ],
)
def test_known_bad_versions_of_sqlite(version, level):
    assert sqlite_finding(version).level == level


def test_sqlite_is_not_warned_of_where_a_database_keeps_the_journal(config):
    """Nothing listens at that port."""
    assert "sqlite" in names_of(config)
    with config.open("a") as file:
        file.write('[engine]\nurl = "postgresql://agent@127.0.0.1:1/agents"\n')
    assert "sqlite" not in names_of(config)


def names_of(config):
    return [each.name for checkup in check_all(config, is_offline=True) for each in checkup.findings]


def test_the_guide_has_every_name():
    guide = (Path(__file__).parents[3] / "systemd" / "README.md").read_text()
    assert [
        line for line in guide.splitlines() if line in {f"| `{n}` | {well} |" for n, well in NAMES.items()}
    ] == [f"| `{name}` | {well} |" for name, well in NAMES.items()]


def test_what_is_warned_of_is_no_error_and_the_worst_code_counts():
    def finding(level, code):
        return Finding(name="disk", level=level, text="", exit_code=code)

    assert exit_code_of([]) == 0
    assert exit_code_of([finding("warning", 0), finding("ok", 0)]) == 0
    assert exit_code_of([finding("error", 75), finding("error", 77), finding("error", 69)]) == 77
    assert exit_code_of([finding("error", 75), finding("error", 78), finding("error", 77)]) == 78
    assert exit_code_of([finding("error", 70), finding("error", 75)]) == 70
