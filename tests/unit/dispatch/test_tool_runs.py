"""A running delivery as tools reach it: until its end, and not a moment longer."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from mycel_runtime.dispatch.tool_runs import ToolRun, ToolRuns
from mycel_runtime.errors import ArgumentError
from mycel_runtime.mcp_server.answered_run import AnsweredRun


def turn(*, number=0):
    delivery = SimpleNamespace(delivery_id=7, turn=number, handler="p.answer")
    return SimpleNamespace(chat_id="here", delivery=delivery)


async def test_what_is_being_shown_when_the_run_ends_is_not_shown():
    begun = asyncio.Event()

    async def show_newer():
        begun.set()
        await asyncio.Event().wait()

    run = ToolRun(turn=turn(), show_newer=show_newer, me="me")
    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        reading = tasks.create_task(outcome(run.read("k")))
        await begun.wait()
        run.end()
    assert "is over" in str(reading.result())
    assert "is over" in str(await outcome(run.reply("l", "text", ())))


async def outcome(call):
    try:
        return await call
    except ArgumentError as exc:
        return exc


async def test_a_name_is_of_one_run_and_stands_in_no_representation(tmp_path):
    runs, one = ToolRuns(me="me", state_dir=lambda: tmp_path), turn()
    with runs.during(one):
        environment = runs.entry(one, None)["environment"]
        assert runs.entry(one, None)["environment"] == environment
        run = AnsweredRun.of(environment)
        assert (run.chat_id, run.state_dir) == ("here", tmp_path)
        assert run.name not in repr(run) + repr(runs) + repr(runs.find(run.name))
    with pytest.raises(ArgumentError, match="is over"):
        runs.find(run.name)
    with runs.during(one):
        assert runs.entry(one, None)["environment"] != environment


def test_the_same_words_elsewhere_have_the_same_key_in_the_run_that_repeats_them():
    first, again = (ToolRun(turn=turn(), show_newer=None, me="me") for _ in range(2))
    keys = [first.speech_key(drawn, "there") for drawn in ("a", "a", "b")]

    assert keys[0] == keys[1] != keys[2]
    assert [again.speech_key(drawn, "there") for drawn in ("c", "d")] == [keys[0], keys[2]]
    assert again.speech_key("e", "elsewhere") not in keys
    assert ToolRun(turn=turn(number=1), show_newer=None, me="me").speech_key("a", "there") not in keys


def test_without_all_variables_there_is_no_run():
    assert AnsweredRun.of({}) is None
    assert AnsweredRun.of({"MYCEL_TOOLS_RUN": "r", "MYCEL_TOOLS_CHAT": "c"}) is None
