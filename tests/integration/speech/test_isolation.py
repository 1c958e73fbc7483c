"""`isolation = "process"`: whatever such a handler does costs its own delivery only."""

from __future__ import annotations

import asyncio
import os
import re
from pathlib import Path

import pytest

from mycel_runtime.errors import PluginError
from mycel_runtime.plugin.isolation import workers
from mycel_runtime.plugin.registry import load_plugins
from tests.integration.speech.test_stubborn_handlers import let_runs_take

pytestmark = pytest.mark.slow

PLUGIN = """
import asyncio, os, subprocess, sys, threading, time
from pathlib import Path
from mycel_runtime import Plugin, Reject, Unavailable
from mycel_runtime.errors import ArgumentError
from mycel_runtime.plugin.isolation.messages import ANSWER, Message, Question, Returned

class Unheard(Message):
    kind: str = "drop_everything"
    run: str

plugin = Plugin("wild")

@plugin.on_message(pattern="^([^s]|s[^yho])")
async def wild(ctx):
    match ctx.messages[-1].content:
        case "spin":
            await ctx.reply(f"{os.getpid()}")
            while True:
                pass
        case "exit":
            os._exit(3)
        case "raise":
            raise ValueError("a secret")
        case "blank":
            try:
                await ctx.reply(" ")
            except ArgumentError as exc:
                await ctx.reply(exc.problem)
        case "forget":
            ctx.reply("never")
        case "reject":
            raise Reject("no")
        case "lack":
            raise Unavailable("no key", fix="Set it")
        case "impatient":
            try:
                await asyncio.wait_for(ctx.reply("one"), 0.3)
            except TimeoutError:
                await ctx.reply("one")
            await ctx.reply("two")
        case "print":
            print("{not a line}")
            await ctx.reply("printed")
        case "look":
            history = await ctx.history(5)
            await ctx.reply(f"{len(history)} {len(await ctx.members())} {ctx.guard.turns_left} {os.getpid()}")
        case text:
            await ctx.reply(f"{ctx.me} heard {text}")

def decorated(function):
    def around(ctx):
        return function(ctx)
    return around

@plugin.on_message(pattern="^shape")
@decorated
async def shape(ctx):
    await ctx.reply(f"{len(await ctx.history())} heard {ctx.messages[-1].content}")

@plugin.on_message(pattern="^sorry", on_give_up="given up")
async def sorry(ctx):
    raise Reject("not told yet", is_told=False)

@plugin.on_message(pattern="^sync")
def plain(ctx):
    match ctx.messages[-1].content:
        case "sync keep":
            kept.append(ctx)
        case "sync use":
            ctx.reply(attempt(kept[0]))
        case "sync forge":
            line, run = ctx._port._ask_runtime.__self__, kept[0]._port._run
            line.write(Question(run=run, method="reply", arguments=("forged", [])))
            line.write(Returned(run=run))
            ctx.reply("genuine")
        case "sync ask":
            ctx._port._ask_runtime.__self__.write(Unheard(run=ctx._port._run))
            ctx._port._ask_runtime.__self__.read(ANSWER)
        case "sync later":
            threading.Thread(target=later, args=(ctx,), daemon=True).start()
        case "sync fork":
            ctx.reply(subprocess_of(ctx))
        case "sync command":
            ctx.reply(repr(subprocess.run(["cat"], stdout=subprocess.PIPE).stdout))
        case text:
            ctx.reply(f"plain heard {text}")

kept = []
here = Path(__file__).parent

def attempt(ctx):
    try:
        ctx.reply("what belongs to another chat")
    except Exception as exc:
        return type(exc).__name__
    return "it was said"

def later(ctx):
    (here / "go").read_text()
    (here / "outcome").write_text(attempt(ctx))

def subprocess_of(ctx):
    reading, writing = os.pipe()
    if os.fork() == 0:
        os.write(writing, attempt(ctx).encode())
        os._exit(0)
    os.close(writing)
    with open(reading) as file:
        return file.read()
"""


@pytest.fixture
async def wild(world, tmp_path):
    """An agent with the plugin, its direct chat, and a way to talk to it."""
    (tmp_path / "wild.py").write_text(PLUGIN)
    config = tmp_path / "agent.toml"
    config.write_text("")
    (loaded,) = load_plugins({"wild": {"path": "wild.py", "isolation": "process"}}, config)
    assert loaded.settings == {}
    agent = await world.agent("a", loaded.plugin, worker=loaded.worker, handler_timeout=100, max_attempts=1)
    chat_id = (await world.owner.chats.ensure_direct("a"))["id"]

    async def ask(text):
        await world.say(chat_id, text)
        await agent.hear(chat_id)
        history = await world.owner.messages.list(chat_id)
        answers = [message["content"] for message in history if message["sender_id"] == "a"]
        letters = await agent.journal.dead_letters("a")
        return answers[-1] if answers else None, [letter.reason for letter in letters]

    return agent, ask


async def test_it_speaks_and_asks_as_any_handler(wild):
    _, ask = wild

    assert await ask("hello") == ("a heard hello", [])
    assert await ask("print") == ("printed", [])
    assert await ask("blank") == ("the reply's text is blank", [])
    assert (await ask("look"))[0].startswith("5 2 6 ")
    assert await ask("sync x") == ("plain heard sync x", [])
    assert await ask("shape") == ("11 heard shape", [])


async def test_a_process_is_kept_for_the_next_run(wild):
    _, ask = wild

    first, second = (await ask("look"))[0], (await ask("look"))[0]
    assert first.split()[-1] == second.split()[-1]
    assert int(first.split()[-1]) != os.getpid()


async def test_its_process_gets_the_processor_time_that_the_runtime_leaves(wild):
    _, ask = wild
    pid = int((await ask("look"))[0].split()[-1])

    assert os.getpriority(os.PRIO_PROCESS, pid) == min(19, os.getpriority(os.PRIO_PROCESS, 0) + 10)
    assert _autogroup_of(pid) in {"nice 10", "not here"}


def _autogroup_of(pid):
    """Niceness counts within a session only. Linux lets others than root write it ten times a second at most."""
    autogroup = Path(f"/proc/{pid}/autogroup")
    return autogroup.read_text().strip()[-7:] if autogroup.exists() and os.geteuid() == 0 else "not here"


async def test_a_reply_that_it_forgets_to_await_is_a_failed_run_which_tells_the_line(wild):
    agent, ask = wild

    assert await ask("forget") == (None, ["ReplyNotAwaitedError"])
    (letter,) = await agent.journal.dead_letters("a")
    assert re.fullmatch(r"\S+\.py:\d+ in wild", letter.trace)


async def test_what_it_raises_is_told_without_values(wild):
    agent, ask = wild

    assert await ask("raise") == (None, ["ValueError"])
    (letter,) = await agent.journal.dead_letters("a")
    assert letter.trace.splitlines()[-1].endswith("in wild")
    assert "secret" not in letter.trace
    assert (await ask("reject"))[1] == ["ValueError", "Reject: no"]


async def test_what_it_lacks_leaves_the_plugin_alone_and_gives_nothing_up(wild):
    agent, ask = wild

    assert await ask("lack") == (None, [])
    [told] = agent.memory.named("plugin.unavailable")
    assert (told.plugin, told.reason) == ("wild", "Unavailable: no key. Set it")


async def test_what_it_gives_up_may_be_told_all_the_same(wild):
    _, ask = wild

    assert await ask("sorry") == ("given up", ["Reject: not told yet"])


async def test_words_that_it_repeats_because_it_stopped_waiting_are_said_once(world, wild):
    _, ask = wild
    world.backend.faults.delay(1.0, path="/api/chats/.*/messages", method="POST", times=2)

    assert await ask("impatient") == ("two", [])

    chat_id = (await world.owner.chats.ensure_direct("a"))["id"]
    history = await world.owner.messages.list(chat_id)
    assert [message["content"] for message in history] == ["impatient", "one", "two"]


async def test_an_exit_costs_its_own_delivery(wild):
    _, ask = wild

    assert await ask("exit") == (None, ["HandlerDiedError"])
    assert await ask("again") == ("a heard again", ["HandlerDiedError"])


async def test_a_process_that_died_while_it_waited_costs_no_delivery(wild):
    agent, ask = wild
    first = (await ask("look"))[0].split()[-1]
    (worker,) = agent.parts.dispatcher.attempts.calls.workers.idle("wild")

    os.kill(worker.pid, 9)
    await worker._process.wait()

    second, reasons = await ask("look")
    assert second.split()[-1] != first
    assert reasons == []


@pytest.mark.parametrize(
    ("source", "reason", "patience"),
    [
        ("raise ValueError('a secret')", "PluginImportError", workers.NICE_PATIENCE),
        ("import os; os._exit(3)", "HandlerDiedError", workers.NICE_PATIENCE),
        ("while True: pass", "PluginImportError", 0.1),
    ],
    ids=["raises", "exits", "spins"],
)
async def test_a_plugin_that_was_broken_after_the_start_costs_its_own_delivery(
    wild, tmp_path, monkeypatch, source, reason, patience
):
    _, ask = wild
    monkeypatch.setattr(workers, "NICE_PATIENCE", patience)
    (tmp_path / "wild.py").write_text(source)
    assert await ask("hello") == (None, [reason])

    monkeypatch.undo()
    (tmp_path / "wild.py").write_text(PLUGIN)
    assert await ask("again") == ("a heard again", [reason])


async def test_a_spinner_is_killed_at_its_deadline_and_the_loop_goes_on_meanwhile(wild):
    agent, ask = wild
    await ask("look")  # its process is up, and nothing of the deadline is spent on that
    let_runs_take(agent, 5.0)
    beats = 0

    async def beat():
        nonlocal beats
        while True:
            await asyncio.sleep(0.05)
            beats += 1

    async with asyncio.TaskGroup() as tasks:
        beating = tasks.create_task(beat())
        pid, reasons = await ask("spin")
        beating.cancel()

    assert reasons == ["deadline passed"]
    assert beats > 20
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid), 0)


async def test_what_outlives_its_run_says_nothing_in_the_next_one_which_is_another_chats(world, wild):
    agent, ask = wild
    eve = await world.user("eve")
    of_eve = (await eve.chats.ensure_direct("a"))["id"]

    assert await ask("sync keep") == (None, [])
    await eve.messages.send(of_eve, "sync use", delivery_scope=None)
    await agent.hear(of_eve)

    heard = [message["content"] for message in await eve.messages.list(of_eve)]
    assert heard == ["sync use", "ContextEndedError"]
    assert agent.parts.dispatcher.abandoned.late_calls == 1


async def test_a_process_that_speaks_for_another_run_is_not_heard(wild):
    agent, ask = wild

    assert await ask("sync keep") == (None, [])
    assert await ask("sync forge") == ("genuine", [])
    assert len(agent.memory.named("message.sent")) == 1
    assert await ask("hello") == ("a heard hello", [])


async def test_what_a_process_asks_that_there_is_not_is_no_other_question(wild):
    _, ask = wild

    assert await ask("sync ask") == (None, ["ProtocolError"])
    assert await ask("hello") == ("a heard hello", ["ProtocolError"])


async def test_a_thread_that_asks_between_runs_is_refused_and_takes_nothing_from_the_next_one(wild, tmp_path):
    """Somebody who has not awaited his reply would look for it in vain: it is counted when that next one ends."""
    agent, ask = wild
    os.mkfifo(tmp_path / "go")
    os.mkfifo(tmp_path / "outcome")
    assert await ask("sync later") == (None, [])

    async with asyncio.timeout(60):
        await asyncio.to_thread((tmp_path / "go").write_text, "now")
        assert await asyncio.to_thread((tmp_path / "outcome").read_text) == "ContextEndedError"
    late = []
    for text in ("hello", "again"):
        assert await ask(text) == (f"a heard {text}", [])
        late.append(agent.parts.dispatcher.abandoned.late_calls)
    assert late == [1, 1]


async def test_what_it_starts_can_neither_speak_for_it_nor_read_its_input(wild):
    agent, ask = wild

    assert await ask("sync fork") == ("ContextEndedError", [])
    assert await ask("sync command") == ("b''", [])
    assert await ask("hello") == ("a heard hello", [])
    assert agent.parts.dispatcher.abandoned.late_calls == 0


def test_an_unknown_isolation_is_refused(tmp_path):
    with pytest.raises(PluginError, match="isolation = 'thread' is unknown"):
        load_plugins({"echo": {"isolation": "thread"}}, tmp_path / "agent.toml")
