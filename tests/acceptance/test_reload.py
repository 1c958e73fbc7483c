"""Files are read again under running agents: by SIGHUP all of a folder, by `reload` one."""

from __future__ import annotations

import json
import signal
import socket

import pytest

from mycel_runtime.sdk import Client
from tests.acceptance.conftest import DEADLINE, until, write_config
from tests.acceptance.test_many_agents import agents

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]

ECHO = "[plugins.echo]\n"


@pytest.fixture
def owner(household):
    with Client(base_url=household.base_url, auth_token=household.owner_token) as client:
        yield client


def test_a_file_that_is_no_toml_any_more_is_refused_by_the_daemon_and_keeps_nobody_from_asking_it(
    start, household, tmp_path
):
    """It could be told from the file alone; but then the daemon's log and status would say nothing of it."""
    config = write_config(tmp_path / "agent", household)
    agent = start("run", "--config", config)
    agent.wait_event("stream.connected")
    right = config.read_text()
    config.write_text(right + "[guard\nturns = 3\n")

    code, _, said = command(start, "reload", config)
    assert (code, said[0].startswith("agent: nothing has changed: ")) == (78, True), said
    assert "not valid TOML" in said[0]
    assert "not valid TOML" in agent.wait_event("reload.refused")["problem"]
    code, shown, said = command(start, "status", config, "--json")
    report = json.loads("\n".join(shown))
    assert (code, "not valid TOML" in report["reload"]["refused"]) == (0, True)
    assert report["program"]["config"] == "drift"
    assert said[0].startswith("agent goes on with what it has read before: ")

    # Of its beginning another daemon is found, which has read a file of its own.
    other = tmp_path / "other.toml"
    other.write_text(right.replace('"state"', f'"{config.parent}/state"') + "[guard\n")
    config.write_text(right)
    code, _, said = command(start, "reload", other)
    assert (code, "not valid TOML" in said[0], str(other) in said[0]) == (78, True, True)

    assert agent.stop() == 0
    config.write_text("[agent\n" + right)
    for verb in ("reload", "status"):
        code, _, said = command(start, verb, config)
        assert (code, "not valid TOML" in said[0]) == (78, True)


@pytest.fixture
def supervisor(tmp_path):
    """A socket as systemd gives one."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind(str(tmp_path / "notify"))
        notify.settimeout(DEADLINE)
        yield notify


def edit(config, old, new):
    text = config.read_text()
    assert old in text
    config.write_text(text.replace(old, new))


def hears(owner, agent_id, text):
    """What the agent answers."""
    chat_id = owner.chats.ensure_direct(agent_id)["id"]
    owner.messages.send(chat_id, text, enforce_caught_up=False)

    def answered():
        history = owner.messages.list(chat_id)
        return [
            each["content"] for each in history if each["sender_id"] == agent_id and text in each["content"]
        ]

    return until(answered)


def command(start, verb, config, *args):
    process = start(verb, "--config", config, *args)
    return process.exit_code(), process.out, process.err


def told(supervisor, ends):
    """What the supervisor is told about reloads, until it is told of this."""
    said = []
    while not said or not said[-1].endswith(ends):
        message = supervisor.recv(65536).decode()
        if "RELOADING=1" in message or "READY=1" in message:
            said.append(message)
    return said


def test_each_agent_of_a_folder_takes_what_it_can_and_a_wrong_file_changes_nothing(
    start, owner, household, supervisor, tmp_path
):
    """One in its own process, one isolated, one whose file is wrong, and a new file that cannot join them."""
    folder = agents(owner, household, tmp_path, ["one", "two", "three"])
    edit(folder / "two.toml", ECHO, ECHO + 'isolation = "process"\n')
    edit(folder / "three.toml", ECHO, '[log]\nlevel = "info"\n' + ECHO)
    process = start("run", "--config", folder, NOTIFY_SOCKET=str(tmp_path / "notify"))
    assert told(supervisor, "asking the backend who this is")
    assert [hears(owner, name, "a") for name in ("one", "two", "three")] == [["echo: a"]] * 3

    for name in ("one", "two"):
        edit(folder / f"{name}.toml", ECHO, "[guard]\nturns = 3\n[inbox]\nping_interval = 9\n" + ECHO)
        edit(folder / f"{name}.toml", ECHO, ECHO + f'prefix = "{name}: "\n')
    edit(folder / "three.toml", ECHO, ECHO + 'prefix = "lost: "\nprefiks = "lost"\n')
    (folder / "four.toml").write_text((folder / "one.toml").read_text())
    process.popen.send_signal(signal.SIGHUP)

    first, last = told(supervisor, "reload refused: three, four")
    assert first.startswith("RELOADING=1\nMONOTONIC_USEC=")
    assert last.startswith("READY=1\n")
    process.wait_for(lambda run: len(run.events("config.reloaded") + run.events("reload.refused")) == 3)
    reloaded = {event["agent"]: event for event in process.events("config.reloaded")}
    assert set(reloaded) == {"one", "two"}
    assert reloaded["two"]["changed"] == "[guard] turns, [plugins.echo] prefix"
    assert reloaded["two"]["needs_restart"] == "[inbox] ping_interval"
    assert [event["agent"] for event in process.events("reload.refused")] == ["three"]
    assert [event["added"] for event in process.events("agent_files.changed")] == [str(folder / "four.toml")]
    (refused,) = process.wait_event("config.refused") and process.events("config.refused")
    assert "share the state_dir" in refused["problem"]
    assert [hears(owner, name, "b") for name in ("one", "two", "three")] == [
        ["one: b"],
        ["two: b"],
        ["echo: b"],
    ]

    code, shown, _ = command(start, "status", folder / "three.toml", "--json")
    report = json.loads("\n".join(shown))["reload"]
    assert (code, "prefiks" in report["refused"], report["changed"]) == (0, True, [])
    code, _, said = command(start, "reload", folder / "three.toml")
    assert (code, said[0].startswith("three: nothing has changed: ")) == (78, True)
    edit(folder / "three.toml", 'prefiks = "lost"\n', "")
    edit(folder / "three.toml", 'level = "info"', 'level = "debug"')
    assert process.events("delivery.finished") == []
    assert command(start, "reload", folder / "three.toml")[:2] == (
        0,
        ["three: changed: [log] level, [plugins.echo] prefix"],
    )
    assert hears(owner, "three", "third") == ["lost: third"]
    assert process.wait_event("delivery.finished")["agent"] == "three"
    (folder / "four.toml").unlink()
    process.popen.send_signal(signal.SIGHUP)
    assert told(supervisor, "\nSTATUS=reloaded")
    assert process.stop() == 0
