"""A person in a chat, and programs that answer, fail, hang, flood and leave things behind."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from typing import TYPE_CHECKING, Final

import pytest

from mycel_runtime.errors import PluginError
from mycel_runtime.observe.facts import DeliveryPostponed
from mycel_runtime_plugins.command import plugin
from mycel_runtime_plugins.command.requirements import missing
from mycel_runtime_plugins.command.settings import CommandSettings
from mycel_runtime_plugins.missing import Missing

if TYPE_CHECKING:
    from mycel_runtime.testing import Mycel

pytestmark = pytest.mark.slow

DEADLINE: Final = 60.0

SORRY: Final = "I cannot answer just now."


@pytest.fixture
def talk(mycel: Mycel, tmp_path):
    """Starts an agent whose program is a shell script, and somebody who talks to it."""

    async def begin(script, **settings):
        ada = await mycel.human("Ada")
        table = {"command": ["sh", "-c", script], "folder": str(tmp_path), "attempts": 1, "on_failure": SORRY}
        agent = await mycel.agent(plugin, settings={"command": table | settings})
        return ada, agent

    return begin


async def until(happened):
    async with asyncio.timeout(DEADLINE):
        while not happened():  # noqa: ASYNC110 - another process does it
            await asyncio.sleep(0.01)


async def reasons(agent):
    return [letter.reason for letter in await agent.dead_letters()]


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_what_it_writes_is_the_answer_and_what_it_reads_is_the_delivery(talk, tmp_path):
    ada, agent = await talk("cat > told.json; echo 'Hello there.'", history=5)

    await ada.says("hello")
    await ada.hears("Hello there.")
    await ada.says("-rf /; $(reboot)")
    await ada.hears("Hello there.")

    told = json.loads((tmp_path / "told.json").read_text())
    assert [each["content"] for each in told["messages"]] == ["-rf /; $(reboot)"]
    assert [each["content"] for each in told["history"]] == ["hello", "Hello there."]
    assert told["messages"][0]["sender"] == {"id": ada.id, "name": "Ada", "type": "human"}
    assert told["delivery"] == told["messages"][0]["id"]
    assert (told["version"], told["event"], told["me"], told["attempt"]) == (1, "message", agent.id, 1)
    assert told["chat"]["type"] == "direct"
    assert (told["unsaid"], told["state"], told["seconds"]) == ([], None, 300.0)


async def test_nothing_written_is_nothing_said(talk):
    ada, agent = await talk("cat > /dev/null")

    await ada.says("hello")
    await ada.hears_nothing()
    assert await reasons(agent) == []


async def test_a_long_text_is_said_in_pieces(talk):
    ada, _ = await talk("printf 'one two three'", reply_characters=7)

    await ada.says("hello")
    await ada.hears("one two")
    await ada.hears("three")
    await ada.hears_nothing()


LINES: Final = r"""
printf '%s\n' '{"reply": "one"}' '' '{"reply": "two", "mentions": []}' '{"state": {"seen": 1}}'
grep -o '"state": {.*}}' | sed 's/.*/{"say": "before: yes", "user": "'$BOB'"}/'
"""


async def test_lines_of_json_are_several_replies_and_deeds(mycel, talk):
    bob = await mycel.human("Bob")
    ada, agent = await talk(LINES, output="json_lines", environment={"BOB": bob.id})

    await ada.says("hello")
    await ada.hears("one")
    await ada.hears("two")
    await ada.says("again")
    await ada.hears("two")
    await bob.hears("before: yes")
    assert await reasons(agent) == []


BRIEF: Final = {"timeout": 0.3, "term_seconds": 0.1}

LINE_BY_LINE: Final = {"output": "json_lines"}


@pytest.mark.parametrize(
    ("script", "settings", "reason"),
    [
        ("exit 65", {"attempts": 3}, "Reject: exit status 65"),
        ("echo half an answer; exit 1", {}, "Retry: exit status 1"),
        ("exit 75", {}, "Retry: exit status 75"),
        ("kill -KILL $$", {}, "Retry: ended by SIGKILL"),
        ("sleep 600", BRIEF, "Retry: no end after 0.3 s"),
        ("echo half; trap '' TERM; sleep 600", BRIEF, "Retry: no end after 0.3 s"),
        ("head -c 10485760 /dev/zero", {}, "Retry: more than 65,536 bytes of output"),
        (r"printf 'caf\351'", {}, "Retry: output that is no UTF-8, at byte 3"),
        (r"printf 'a\0b'", {}, "Retry: output with a NUL"),
        ("echo no JSON", LINE_BY_LINE, "Retry: line 1 of the output is no JSON"),
        (
            """echo '{"reply": "half"}'; echo '{"replay": "x"}'""",
            LINE_BY_LINE,
            "Retry: line 2 of the output is none of reply, say, state, decide",
        ),
        (
            """echo '{"decide": "approve"}'""",
            LINE_BY_LINE,
            "Retry: output with a decision: messages ask for none",
        ),
        ("exit 0", {"command": ["/nowhere/program"]}, "Retry: program '/nowhere/program' cannot be started"),
    ],
)
async def test_what_is_no_answer_is_not_said_and_the_person_hears_what_the_operator_has_written(
    talk, monkeypatch, script, settings, reason
):
    """Whatever the program has said before it failed."""
    monkeypatch.setattr("mycel_runtime_plugins.command.handlers.missing", lambda _: [])
    ada, agent = await talk(script, **settings)

    await ada.says("hello")

    assert (await ada.hears(lambda _: True)).content == SORRY
    await ada.hears_nothing()
    (found,) = await reasons(agent)
    assert found.startswith(reason)


async def test_without_such_words_it_fails_in_silence(talk):
    ada, agent = await talk("exit 1", on_failure="")

    await ada.says("hello")
    await ada.hears_nothing()
    assert await reasons(agent) == ["Retry: exit status 1"]


async def test_a_failure_is_tried_again_and_answered_once(talk):
    script = "test -e once && echo done && exit 0; touch once; echo half; exit 75"
    ada, agent = await talk(script, attempts=2)

    await ada.says("hello")
    await ada.hears("done")
    await ada.hears_nothing()
    postponed = [fact.reason for fact in agent.facts if isinstance(fact, DeliveryPostponed)]
    assert postponed == ["Retry: exit status 75"]


async def test_what_it_leaves_in_the_background_is_ended_and_holds_nothing_up(talk):
    ada, _ = await talk("sleep 600 & echo $!")

    await ada.says("hello")
    left = int((await ada.hears(lambda message: message.content.isdecimal())).content)
    assert not is_alive(left)


async def test_a_stop_ends_what_runs(talk, tmp_path):
    ada, agent = await talk("echo $$ > pid; sleep 600", on_failure="")
    await ada.says("hello")
    await until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text())

    await agent.stop()

    assert not is_alive(int((tmp_path / "pid").read_text()))


async def test_a_message_ends_what_runs_and_is_the_next_one(talk, tmp_path):
    script = "grep -q halt && echo halted && exit; touch up; sleep 600"
    ada, _ = await talk(script, interrupt="^halt")
    await ada.says("hello")
    await until((tmp_path / "up").exists)

    await ada.says("halt")
    await ada.hears("halted")


ASKED_TWICE: Final = """
cat > told-$$.json
count=$(ls told-*.json | wc -l)
touch up
while [ ! -e go ]; do sleep 0.02; done
echo answer $count
"""


async def test_after_a_conflict_it_is_told_what_it_has_not_said(talk, tmp_path):
    ada, _ = await talk(ASKED_TWICE)
    await ada.says("hello")
    await until((tmp_path / "up").exists)
    await ada.says("wait")
    (tmp_path / "go").touch()

    await ada.hears("answer 2")
    await ada.hears_nothing()

    told = [json.loads(file.read_text()) for file in tmp_path.glob("told-*.json")]
    assert sorted([len(each["messages"]), each["unsaid"]] for each in told) == [[1, []], [2, ["answer 1"]]]


async def test_groups_are_answered_when_the_agent_is_mentioned(mycel, talk):
    ada, agent = await talk("echo here")
    bob = await mycel.human("Bob")
    group = await mycel.group("Club", ada, bob, agent)

    await ada.says("hello", to=group)
    await ada.hears_nothing()
    await ada.says("hello", to=group, mentions=[agent])
    await ada.hears("here")


async def test_each_chat_has_a_folder_of_its_own_where_that_is_wanted(talk, tmp_path):
    ada, _ = await talk("pwd", folder_per_chat=True)

    await ada.says("hello")
    chats = tmp_path / "chats"
    folder = (await ada.hears(lambda message: "chats" in message.content)).content
    assert [str(each) for each in chats.iterdir()] == [folder]
    assert chats.stat().st_mode & 0o777 == 0o700


async def test_the_agents_own_variables_are_not_the_programs(talk, monkeypatch):
    monkeypatch.setenv("MYCEL_RUNTIME_AGENT__TOKEN", "secret")
    monkeypatch.setenv("MODEL_KEY", "key")
    ada, _ = await talk("env | grep -c -e secret -e MYCEL; echo $MODEL_KEY", pass_environment=["MODEL_*"])

    await ada.says("hello")
    await ada.hears("0\nkey")


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"command": []}, "neither what to start nor a recipe"),
        ({"pass_environment": ["MYCEL_*"]}, "the agent's own variables are given to no program"),
        ({"instructions": "Be kind."}, "belong to a recipe"),
        ({"recipe": "claude", "output": "json_lines"}, "reads the program's output"),
        ({"recipe": "claud"}, "recipe"),
        ({"events": ["relationships"]}, "decided by lines of JSON"),
        ({"events": []}, "events"),
    ],
)
async def test_settings_that_make_no_sense_are_refused(talk, table, said):
    with pytest.raises(PluginError, match=said):
        await talk("exit 0", **table)


def test_what_is_missing_is_told_with_the_command_that_gets_it(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))

    def found(**table):
        return missing(CommandSettings.model_validate({"folder": str(tmp_path), **table}))

    assert found(command=[sys.executable]) == []
    assert found(recipe="claude") == [
        Missing(
            what=f"program 'claude' is not in PATH ({tmp_path})",
            fix="npm install --global @anthropic-ai/claude-code",
        )
    ]
    (nowhere,) = found(command=["./no"])
    assert nowhere.what == f"program '{tmp_path}/no' cannot be started: No such file or directory"


async def test_messages_wait_until_the_program_is_there(talk, tmp_path):
    ada, agent = await talk("", command=["./later"], attempts=1)
    await ada.says("hello")
    await until(lambda: "plugin.start_failed" in [fact.name for fact in agent.facts])

    (tmp_path / "later.new").touch(mode=0o700)
    (tmp_path / "later.new").write_text("#!/bin/sh\necho here\n")
    (tmp_path / "later.new").rename(tmp_path / "later")

    await ada.hears("here")
    assert await reasons(agent) == []


async def test_a_reply_that_the_backend_does_not_take_has_the_program_run_once(mycel, talk, tmp_path):
    """It would say the same each time, and be refused each time."""
    ada, agent = await talk(f"echo started >> {tmp_path}/starts; echo hello", attempts=3)
    mycel.faults.refuse(413, path=".*/messages", method="POST", times=1)
    await ada.says("hi")
    await ada.hears(SORRY, within=DEADLINE)
    await ada.hears_nothing(within=DEADLINE)

    (reason,) = await reasons(agent)
    assert "5 characters is too large for the backend: lower reply_characters" in reason
    assert (tmp_path / "starts").read_text() == "started\n"
