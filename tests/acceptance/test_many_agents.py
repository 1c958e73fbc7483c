"""Several agents in one process, none disturbing another."""

from __future__ import annotations

import re
import signal
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from mycel_runtime.sdk import Client
from tests.acceptance.conftest import Household, until, write_config

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]


@pytest.fixture
def owner(household):
    """The owner's client."""
    with Client(base_url=household.base_url, auth_token=household.owner_token) as client:
        yield client


def agents(owner, household, tmp_path, names):
    """A folder with a configuration for each."""
    folder = tmp_path / "agents"
    folder.mkdir()
    for name in names:
        made = owner.auth.create_external_user(name, name)
        its = Household(household.base_url, household.owner_token, name, made["token"])
        config = write_config(tmp_path / name, its)
        text = config.read_text().replace('"agent"', f'"{name}"')
        text = text.replace('"agent.token"', f'"{tmp_path}/{name}/agent.token"')
        (folder / f"{name}.toml").write_text(text.replace('"state"', f'"{tmp_path}/{name}/state"'))
    return folder


def answer(owner, agent_id, text):
    chat_id = owner.chats.ensure_direct(agent_id)["id"]
    owner.messages.send(chat_id, text, enforce_caught_up=False)
    return until(lambda: f"echo: {text}" in [message["content"] for message in owner.messages.list(chat_id)])


def test_a_refused_identity_ends_alone(start, owner, household, tmp_path):
    folder = agents(owner, household, tmp_path, ["one", "two", "three"])
    (tmp_path / "two" / "agent.token").write_text("forged")
    process = start("run", "--config", folder)

    failed = process.wait_event("agent.failed")
    assert (failed["agent"], failed["exit_code"]) == ("two", 77)
    for name in ("one", "three"):
        assert answer(owner, name, f"hello {name}")
    assert until(lambda: start("status", "--config", folder / "one.toml").exit_code() == 0)

    assert process.stop() == 77
    assert {event["agent"] for event in process.events("daemon.stopped")} == {"one", "three"}
    assert sum(line.startswith("error: ") for line in process.err) == 1


def test_several_files_end_together_and_cleanly(start, owner, household, tmp_path):
    folder = agents(owner, household, tmp_path, ["one", "two"])
    process = start("run", "--config", folder / "one.toml", "--config", folder / "two.toml")
    for name in ("one", "two"):
        assert answer(owner, name, f"hello {name}")

    assert process.stop() == 0


HEAP_BYTES = 64 * 2**20
"""Of address space, that glibc sets aside for each heap but the first, at a multiple of it."""


def heaps_of_threads(pid):
    """Of a process; those beside the one that all its threads share."""
    maps = re.findall(r"(?m)^([0-9a-f]+)-[0-9a-f]+ rw-p .*\n([0-9a-f]+)-([0-9a-f]+) ---p", maps_of(pid))
    spans = [(int(start, 16), int(end, 16)) for start, _, end in maps]
    return sum(start % HEAP_BYTES == 0 and end - start == HEAP_BYTES for start, end in spans)


def maps_of(pid):
    return Path(f"/proc/{pid}/maps").read_text()


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="another system")
def test_the_threads_of_all_agents_share_a_heap(start, owner, household, tmp_path):
    folder = agents(owner, household, tmp_path, ["one", "two", "three"])
    process = start("run", "--config", folder)
    assert [answer(owner, name, f"hello {name}") for name in ("one", "two", "three")]

    assert heaps_of_threads(process.popen.pid) == 0
    assert process.stop() == 0


def connections(pid, port):
    """That a process has to a port of this host, also those that the other side has closed."""
    names = [_link_of(path) for path in Path(f"/proc/{pid}/fd").iterdir()]
    inodes = {name[8:-1] for name in names if name.startswith("socket:[")}
    rows = [row.split() for row in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]]
    return sum(int(row[2].partition(":")[2], 16) == port and row[9] in inodes for row in rows)


def _link_of(path):
    try:
        return str(path.readlink())
    except OSError:
        return "closed meanwhile"


@pytest.mark.skipif(not Path("/proc/self/net/tcp").exists(), reason="another system")
def test_agents_of_a_backend_look_at_it_over_the_same_connections(start, owner, household, tmp_path):
    """Each for itself had one of its own, or one that the backend had closed, at any time."""
    names = ["one", "two", "three", "four", "five", "six"]
    process = start("run", "--config", agents(owner, household, tmp_path, names))
    assert [answer(owner, name, f"hello {name}") for name in names]

    port = urlsplit(household.base_url).port
    assert until(lambda: connections(process.popen.pid, port) <= len(names) + 2)
    assert connections(process.popen.pid, port) >= len(names)
    assert process.stop() == 0


def test_agents_that_would_share_a_journal_or_a_token_are_refused(start, owner, household, tmp_path):
    folder = agents(owner, household, tmp_path, ["one"])
    (folder / "again.toml").write_text((folder / "one.toml").read_text())
    process = start("run", "--config", folder)
    assert process.exit_code() == 78
    assert "these agents share the state_dir" in process.err[0]

    (folder / "again.toml").write_text((folder / "one.toml").read_text().replace("/state", "/other"))
    process = start("run", "--config", folder)
    assert process.exit_code() == 78
    assert "two agents have the same token" in process.err[0]


def test_an_empty_folder_is_named(start, tmp_path):
    process = start("run", "--config", tmp_path)

    assert process.exit_code() == 78
    assert "no *.toml file in this folder" in process.err[0]


def test_one_bad_file_among_several_keeps_one_agent_away(start, owner, household, tmp_path):
    """Hidden files, an editor's lock and backups in the folder are no agents."""
    folder = agents(owner, household, tmp_path, ["one", "two"])
    (folder / "bad.toml").write_text("[agent]\nname = 3\n")
    (folder / "empty.toml").write_text((folder / "two.toml").read_text().replace("[plugins.echo]", ""))
    (folder / "two.toml").unlink()
    for name in (".one.toml", "._one.toml", "#one.toml", "one.toml~", ".one.toml.swp"):
        (folder / name).write_text("nonsense")
    (folder / ".#one.toml").symlink_to("nobody@nowhere.1234")
    (folder / "folder.toml").mkdir()
    process = start("run", "--config", folder)

    assert answer(owner, "one", "hello one")

    refused = process.events("config.refused")
    assert ["bad.toml" in refused[0]["where"], refused[1]["problem"]] == [
        True,
        "no plugins, so nobody would answer",
    ]
    assert process.stop() == 78
    assert sum(line.startswith("error: ") for line in process.err) == 1


WRONG = "[agent]\nname = 3\n"


def reload(start, path):
    """Exit code, what was printed, and what was told."""
    command = start("reload", "--config", path)
    return command.exit_code(), command.out, command.err


def test_an_agent_whose_file_was_wrong_joins_the_others_when_it_is_mended(start, owner, household, tmp_path):
    """By `reload` of the folder, which tells until then what is wrong; the others live on, and the end is clean."""
    folder = agents(owner, household, tmp_path, ["one", "two", "three"])
    right = (folder / "two.toml").read_text()
    (folder / "two.toml").write_text(WRONG)
    process = start("run", "--config", folder)
    assert [answer(owner, name, f"a {name}") for name in ("one", "three")]

    code, shown, said = reload(start, folder)
    assert (code, sorted(shown)) == (78, ["one: changed: nothing", "three: changed: nothing"])
    assert "two.toml" in said[0]
    assert start("status", "--config", folder).exit_code() == 78

    (folder / "two.toml").write_text(right.replace("[plugins.echo]", "[plugins.ekko]"))
    code, _, said = reload(start, folder / "two.toml")
    assert (code, "two: still not there" in said[0], "ekko" in said[0]) == (78, True, True)
    status = start("status", "--config", folder)
    assert (status.exit_code(), any("ekko" in line for line in status.err)) == (78, True)
    (folder / "two.toml").write_text(right)
    assert reload(start, folder)[:2] == (
        0,
        ["one: changed: nothing", "three: changed: nothing", "two: has joined"],
    )
    assert [answer(owner, name, f"b {name}") for name in ("one", "two", "three")]
    assert reload(start, folder / "two.toml")[:2] == (0, ["two: changed: nothing"])
    assert until(lambda: start("status", "--config", folder).exit_code() == 0)

    assert process.stop() == 0
    assert [event["agent"] for event in process.events("daemon.started")].count("two") == 1
    assert {event["agent"] for event in process.events("daemon.stopped")} == {"one", "two", "three"}


def test_an_agent_that_comes_later_is_one_like_the_others(start, owner, household, tmp_path):
    """By SIGHUP; its plugin may change the process as little as theirs; refused, it ends alone."""
    folder = agents(owner, household, tmp_path, ["one", "two", "three"])
    late = {name: (folder / f"{name}.toml").read_text() for name in ("two", "three")}
    for name in late:
        (folder / f"{name}.toml").unlink()
    process = start("run", "--config", folder)
    assert answer(owner, "one", "first")

    token = tmp_path / "three" / "agent.token"
    good = token.read_text()
    token.write_text("forged")
    (folder / "three.toml").write_text(late["three"])
    (folder / "rude.py").write_text(
        "import os, signal\nfrom mycel_runtime import Plugin\nos.chdir('/')\nplugin = Plugin('rude')\n"
        "@plugin.on_message\nasync def hear(ctx):\n    await ctx.reply('rude: ' + os.getcwd())\n"
    )
    (folder / "two.toml").write_text(late["two"] + '[plugins.rude]\npath = "rude.py"\n')
    process.popen.send_signal(signal.SIGHUP)
    assert process.wait_event("agent.failed")["exit_code"] == 77
    assert answer(owner, "two", "second")
    status = start("status", "--config", folder / "three.toml")
    assert (status.exit_code(), "three has ended: " in status.err[0]) == (75, True)
    assert process.wait_event("process.state_restored")["aspect"] == "working directory"

    # One that was drained stays away, and a right token lets the other one in.
    token.write_text(good)
    assert start("drain", "--config", folder / "two.toml").exit_code() == 0
    process.popen.send_signal(signal.SIGHUP)
    assert answer(owner, "three", "third")
    assert start("status", "--config", folder / "two.toml").exit_code() == 75
    assert process.stop() == 0


def test_each_agent_logs_as_its_own_file_says(start, owner, household, tmp_path):
    folder = agents(owner, household, tmp_path, ["one", "two"])
    for name, log in (("one", 'level = "error"'), ("two", 'format = "console"')):
        config = folder / f"{name}.toml"
        config.write_text(f"{config.read_text()}[log]\n{log}\n")
    process = start("run", "--config", folder)
    for name in ("one", "two"):
        assert answer(owner, name, f"hello {name}")

    assert process.stop() == 0
    assert not any("agent=one" in line or '"agent": "one"' in line for line in process.err)
    assert any("message.sent" in line and "agent=two" in line for line in process.err), process.transcript()
