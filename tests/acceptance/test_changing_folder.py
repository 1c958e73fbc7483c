"""A folder of agents under one process: files come, go, change and are mended, and nobody else is disturbed."""

from __future__ import annotations

import fcntl
import os
import signal

import pytest

from tests.acceptance.conftest import until
from tests.acceptance.test_many_agents import agents, answer, owner, reload

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]

__all__ = ["owner"]

NAMES = [f"agent-{number}" for number in range(12)]


def stopped(process):
    """Names of those whose lives have ended, in that order."""
    return [event["agent"] for event in process.events("daemon.stopped")]


def is_locked(state_dir):
    """Whether somebody has an agent's state directory."""
    directory = os.open(state_dir, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(directory, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(directory)
    return False


def test_an_agent_leaves_with_its_file_and_comes_back_with_it(start, owner, household, tmp_path):
    """By `reload` and by SIGHUP; its lock is free meanwhile, and what it has said it does not say again."""
    folder = agents(owner, household, tmp_path, NAMES)
    gone = folder / "agent-3.toml"
    text = gone.read_text()
    process = start("run", "--config", folder)
    assert all(answer(owner, name, f"a {name}") for name in NAMES)

    gone.unlink()
    code, shown, _ = reload(start, folder)
    assert (code, shown[0], len(shown)) == (0, "agent-3: has left", len(NAMES))
    assert stopped(process) == ["agent-3"]
    assert not is_locked(tmp_path / "agent-3" / "state")
    assert is_locked(tmp_path / "agent-4" / "state")
    assert start("status", "--config", folder).exit_code() == 0
    assert answer(owner, "agent-4", "b")

    gone.write_text(text)
    process.popen.send_signal(signal.SIGHUP)
    assert answer(owner, "agent-3", "back")
    gone.unlink()
    process.popen.send_signal(signal.SIGHUP)
    assert until(lambda: stopped(process) == ["agent-3", "agent-3"])
    changed = [(event["added"], event["removed"]) for event in process.events("agent_files.changed")]
    assert changed == [("", str(gone)), (str(gone), ""), ("", str(gone))]
    assert process.stop() == 0
    assert sorted(stopped(process)) == sorted([*NAMES, "agent-3"])


def test_what_is_due_is_done_before_an_agent_leaves(start, owner, household, tmp_path):
    """Its file goes while its handler runs and more is due behind."""
    folder = agents(owner, household, tmp_path, ["one", "two"])
    (folder / "slow.py").write_text(
        "import asyncio, pathlib\nfrom mycel_runtime import Plugin\nplugin = Plugin('slow')\n"
        "@plugin.on_message\nasync def hear(ctx):\n"
        "    here = pathlib.Path(__file__)\n    here.with_name('running').touch()\n"
        "    while not here.with_name('go').exists():\n        await asyncio.sleep(0.05)\n"
        "    await ctx.reply('slow: ' + ctx.messages[-1].content)\n"
    )
    file = folder / "two.toml"
    file.write_text(file.read_text().replace("[plugins.echo]", '[plugins.slow]\npath = "slow.py"'))
    process = start("run", "--config", folder)
    chat = owner.chats.ensure_direct("two")["id"]
    owner.messages.send(chat, "first", enforce_caught_up=False)
    assert until((folder / "running").exists)
    owner.messages.send(chat, "second", enforce_caught_up=False)
    file.unlink()
    process.popen.send_signal(signal.SIGHUP)
    process.wait_event("agent_files.changed")
    assert answer(owner, "one", "meanwhile")
    assert stopped(process) == []
    (folder / "go").touch()

    assert until(lambda: "slow: second" in [each["content"] for each in owner.messages.list(chat)])
    assert until(lambda: stopped(process) == ["two"])
    assert process.stop() == 0


def test_a_file_may_be_given_another_name(start, owner, household, tmp_path):
    folder = agents(owner, household, tmp_path, ["one", "two"])
    process = start("run", "--config", folder)
    assert answer(owner, "two", "before")

    (folder / "two.toml").rename(folder / "deux.toml")
    assert reload(start, folder)[:2] == (0, ["two: has left", "two: has joined", "one: changed: nothing"])
    assert answer(owner, "two", "after")
    assert process.stop() == 0


def test_a_folder_without_files_ends_nobody(start, owner, household, tmp_path):
    """One that is not mounted looks like that."""
    folder = agents(owner, household, tmp_path, ["one", "two"])
    process = start("run", "--config", folder)
    assert answer(owner, "two", "before")

    folder.rename(tmp_path / "elsewhere")
    process.popen.send_signal(signal.SIGHUP)
    process.wait_event("agent_files.changed")
    assert answer(owner, "one", "still here")
    (tmp_path / "elsewhere").rename(folder)
    assert reload(start, folder)[:2] == (0, ["one: changed: nothing", "two: changed: nothing"])
    assert stopped(process) == []
    assert process.stop() == 0


def test_with_watch_config_nobody_has_to_ask(start, owner, household, tmp_path):
    """A file comes, one changes, one is wrong, one goes: each does what a reload would, and no other is read."""
    folder = agents(owner, household, tmp_path, ["one", "two", "three"])
    late = (folder / "three.toml").read_text()
    (folder / "three.toml").unlink()
    process = start("run", "--watch-config", "--config", folder)
    assert answer(owner, "one", "first")

    (folder / "three.toml").write_text(late)
    assert answer(owner, "three", "has come")
    right = (folder / "one.toml").read_text()
    (folder / "one.toml").write_text(right.replace("[plugins.echo]", '[plugins.echo]\nprefix = "now: "'))
    assert process.wait_event("config.reloaded")["changed"] == "[plugins.echo] prefix"
    (folder / "two.toml").write_text("[agent")
    assert process.wait_event("reload.refused")["agent"] == "two"
    assert answer(owner, "two", "goes on")
    (folder / "three.toml").unlink()
    assert until(lambda: stopped(process) == ["three"])

    assert process.stop() == 0
    assert [event["agent"] for event in process.events("config.reloaded")] == ["one"]


def test_a_worker_is_joined_by_who_comes_into_its_folder_and_left_by_who_goes(
    start, owner, household, tmp_path, database_url
):
    """One that has no database it cannot work for, and says so; the others are not disturbed."""
    folder = agents(owner, household, tmp_path, ["one", "two", "none"])
    two, none = folder / "two.toml", folder / "none.toml"
    for file in (folder / "one.toml", two):
        file.write_text(f'{file.read_text()}\n[engine]\nurl = "{database_url}"\nhandlers = "workers"\n')
    late = {file: file.read_text() for file in (two, none)}
    for file in late:
        file.unlink()
    processes = start("run", "--config", folder), start("worker", "--config", folder)
    _, worker = processes
    assert answer(owner, "one", "before")

    for file, text in late.items():
        file.write_text(text)
    for process in processes:
        process.popen.send_signal(signal.SIGHUP)
    assert answer(owner, "two", "late")
    assert "names no database" in worker.wait_event("config.refused")["problem"]
    for file in late:
        file.unlink()
    worker.popen.send_signal(signal.SIGHUP)
    assert until(lambda: stopped(worker) == ["two"])
    assert answer(owner, "one", "after")
    assert worker.stop() == 0
