"""
A handler that is slower than the people in its chat.

The scene is one of a model that takes 3 s while somebody writes every 1.9 s, ten times faster; thinking is counted in
what she writes meanwhile, and silences by a clock that is moved: a busy machine has its own pace.
"""

from __future__ import annotations

import asyncio
import dataclasses
import time

import pytest

from mycel_runtime.errors import NotCaughtUpError
from mycel_runtime.journal.suspicion import Suspicion
from mycel_runtime.plugin.plugin import Plugin
from mycel_runtime.plugin.registry import load_plugins
from tests.integration.speech.conftest import insist
from tests.integration.speech.test_unresolved_sends import contents

WRITING = 0.19
TIMES = {"retry_base": 0.05, "retry_cap": 5.0, "conflict_rounds": 3}
DEADLINE = 60.0


class Talk:
    """A person who writes without a pause; what is slow beside her is so on any machine."""

    def __init__(self, world, agent_id="a"):
        self._world, self._agent_id = world, agent_id
        self._said, self._is_over, self._changed = 0, False, asyncio.Condition()

    async def beside(self, agent, messages):
        """She writes so many; until everything is handled."""
        chat_id = (await self._world.owner.chats.ensure_direct(self._agent_id))["id"]
        async with asyncio.TaskGroup() as tasks, asyncio.timeout(DEADLINE):
            running = tasks.create_task(agent.parts.dispatcher.run())
            for number in range(messages):
                await self._write(agent, chat_id, f"{number}", is_last=number == messages - 1)
                await asyncio.sleep(WRITING)
            while (left := await agent.journal.statistics("a")).due or left.running:  # noqa: ASYNC110 - told by nobody
                await asyncio.sleep(0.05)
            agent.parts.dispatcher.stop()
            await running
        return chat_id

    async def _write(self, agent, chat_id, text, *, is_last):
        told = await self._world.say(chat_id, text)
        await agent.journal.hint("a", agent.hint(chat_id, told["seq"]))
        agent.parts.dispatcher.wake()
        async with self._changed:
            self._said, self._is_over = self._said + 1, is_last
            self._changed.notify_all()

    async def think(self):
        """For longer than she takes to write again, and once more."""
        async with self._changed:
            enough = self._said + 2
            await self._changed.wait_for(lambda: self._said >= enough or self._is_over)


def slow(talk, runs):
    """As people write it: thinks, and answers the newest."""

    async def answer(ctx):
        runs.append([message.content for message in ctx.messages])
        await talk.think()
        await ctx.reply(f"re: {ctx.messages[-1].content}")

    return answer


def plugin_of(handler, **options):
    plugin = Plugin("p")
    plugin.on_message(**options)(handler)
    return plugin


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["rerun", "repeat"])
async def test_a_slow_handler_in_a_lively_chat_is_run_a_bounded_number_of_times_and_answers(world, policy):
    talk, runs = Talk(world), []
    agent = await world.agent("a", plugin_of(slow(talk, runs), on_conflict=policy), clock=time.time, **TIMES)

    chat_id = await talk.beside(agent, 15)

    print(f"{policy}: {len(runs)} runs")
    assert len(runs) <= TIMES["conflict_rounds"] + 2
    assert (await contents(world, chat_id, "a"))[-1] == "re: 14"
    assert await agent.journal.dead_letters("a") == []


@pytest.mark.slow
async def test_a_chat_that_is_never_silent_costs_a_run_now_and_then_and_a_letter_says_why(world):
    talk, runs = Talk(world), []
    agent = await world.agent(
        "a", plugin_of(slow(talk, runs)), clock=time.time, **TIMES | {"conflict_rounds": 1}
    )

    chat_id = await talk.beside(agent, 30)

    letters = await agent.journal.dead_letters("a")
    print(f"{len(runs)} runs, {len(letters)} letters")
    assert len(runs) <= 6
    assert letters
    assert all("somebody spoke during each run" in letter.reason for letter in letters)
    assert (await contents(world, chat_id, "a"))[-1] == "re: 29"
    given = {message_id for letter in letters for message_id in letter.message_ids}
    shown = {text for run in runs for text in run}
    assert shown == {f"{number}" for number in range(30)}
    assert given


class Stepped:
    """Epoch seconds that pass only when they are told to."""

    def __init__(self):
        self.now = time.time()

    def __call__(self):
        return self.now


async def write_by(clock, world, agent, messages):
    """A person writes without a pause by this clock; until everything is handled by it."""
    chat_id = (await world.owner.chats.ensure_direct("a"))["id"]
    for number in range(messages):
        told = await world.say(chat_id, f"{number}")
        await agent.hear(chat_id, told["seq"])
        clock.now += WRITING
    for _ in range(100):
        if not (await agent.journal.statistics("a")).due:
            return chat_id
        await agent.deliver()
        clock.now += WRITING
    raise AssertionError("waits without end")


@pytest.mark.slow
async def test_quiet_waits_for_a_pause_and_pays_for_one_run(world):
    runs, clock = [], Stepped()

    async def answer(ctx):
        runs.append([message.content for message in ctx.messages])
        await ctx.reply(f"re: {ctx.messages[-1].content}")

    agent = await world.agent("a", plugin_of(answer, quiet=0.4), clock=clock, **TIMES)

    chat_id = await write_by(clock, world, agent, 10)

    assert runs == [[f"{number}" for number in range(10)]]
    assert await contents(world, chat_id, "a") == ["re: 9"]
    assert agent.memory.named("delivery.postponed") == []


@pytest.mark.slow
async def test_quiet_has_a_bound(world):
    ran_at, clock = [], Stepped()
    began_at = clock.now

    async def answer(ctx):
        ran_at.append(clock.now - began_at)

    agent = await world.agent("a", plugin_of(answer, quiet=0.25), clock=clock, **TIMES)
    await write_by(clock, world, agent, 20)

    assert 2 <= len(ran_at) <= 3
    assert 2.5 <= ran_at[0] <= 2.5 + 2 * WRITING


HEAD = """
import asyncio, time
from pathlib import Path
from mycel_runtime import Plugin

plugin = Plugin("p")
here = Path(__file__).parent

def note(*words):
    with (here / "notes").open("a") as file:
        file.write(" ".join(words) + "\\n")

def is_told_to_go_on():
    return (here / "go").exists()
"""
HANDLERS = {
    "async": """
@plugin.on_message(on_conflict="{policy}")
async def answer(ctx):
    if ctx.unsaid:
        note("again", *[message.content for message in await ctx.newer()], "unsaid", *ctx.unsaid)
        return
    note("run", *[message.content for message in ctx.messages])
    while not is_told_to_go_on():
        await asyncio.sleep(0.01)
    if {looks}:
        note("newer", *[message.content for message in await ctx.newer()])
    await ctx.reply("hi")
""",
    "def": """
@plugin.on_message(on_conflict="{policy}")
def answer(ctx):
    if ctx.unsaid:
        note("again", *[message.content for message in ctx.newer()], "unsaid", *ctx.unsaid)
        return
    note("run", *[message.content for message in ctx.messages])
    while not is_told_to_go_on():
        time.sleep(0.01)
    if {looks}:
        note("newer", *[message.content for message in ctx.newer()])
    ctx.reply("hi")
""",
}


@pytest.fixture
def overtake(world, tmp_path):
    """A handler of either colour, here or in its own process, during whose first run somebody speaks; its notes."""

    async def run(colour, *, isolation, policy="rerun", looks=False):
        (tmp_path / "p.py").write_text(HEAD + HANDLERS[colour].format(policy=policy, looks=looks))
        config = tmp_path / "agent.toml"
        config.write_text("")
        table = {"path": "p.py"} | ({"isolation": "process", "import_timeout": 60} if isolation else {})
        (plugin,) = load_plugins({"p": table}, config)
        agent = await world.agent("a", plugin.plugin, worker=plugin.worker, **TIMES)
        chat_id = (await world.owner.chats.ensure_direct("a"))["id"]
        await world.say(chat_id, "go")
        async with asyncio.TaskGroup() as tasks, asyncio.timeout(90):
            tasks.create_task(agent.hear(chat_id, 1))
            while not (tmp_path / "notes").exists():  # noqa: ASYNC110 - another process's
                await asyncio.sleep(0.01)
            await world.say(chat_id, "wait")
            (tmp_path / "go").touch()
        assert (await agent.journal.statistics("a")).due == 0
        said = [message["content"] for message in await world.owner.messages.list(chat_id)]
        return (tmp_path / "notes").read_text().splitlines(), said

    return run


KINDS = pytest.mark.parametrize(
    ("colour", "isolation"), [("async", False), ("def", False), ("async", True), ("def", True)]
)


@KINDS
@pytest.mark.slow
async def test_a_handler_that_looks_just_before_it_replies_is_not_kept_from_it(overtake, colour, isolation):
    notes, said = await overtake(colour, isolation=isolation, looks=True)

    assert notes == ["run go", "newer wait"]
    assert said == ["go", "wait", "hi"]


@KINDS
@pytest.mark.slow
async def test_repeat_shows_what_is_new_and_lets_the_words_stand(overtake, colour, isolation):
    notes, said = await overtake(colour, isolation=isolation, policy="repeat")

    assert notes == ["run go", "again wait unsaid hi"]
    assert said == ["go", "wait", "hi"]


async def overtaken(world, handler, **options):
    """A handler in whose first run somebody speaks before the reply."""
    plugin = Plugin("p")
    plugin.on_message(**options)(handler)
    agent = await world.agent("a", plugin, **TIMES)
    chat_id = (await world.owner.chats.ensure_direct("a"))["id"]
    await world.say(chat_id, "go")
    await agent.hear(chat_id, 1)
    return agent, chat_id


async def test_repeat_says_other_words_if_the_handler_has_others(world):
    runs = []

    async def answer(ctx):
        runs.append(ctx.unsaid)
        if not ctx.unsaid:
            await world.say(ctx.chat_id, "wait")
        await ctx.reply(f"{len(runs)}")

    agent, chat_id = await overtaken(world, answer, on_conflict="repeat")

    assert runs == [(), ("1",)]
    assert await contents(world, chat_id, "a") == ["2"]
    assert (await agent.journal.statistics("a")).due == 0


async def test_repeat_says_nothing_if_the_handler_withdraws_its_words(world):
    async def answer(ctx):
        if ctx.unsaid:
            ctx.withdraw()
            return
        await world.say(ctx.chat_id, "never mind")
        await ctx.reply("too late")

    agent, chat_id = await overtaken(world, answer, on_conflict="repeat")

    assert await contents(world, chat_id, "a") == []
    assert (await agent.journal.statistics("a")).due == 0


async def test_repeat_keeps_what_was_said_before_and_lets_all_that_was_not_stand(world):
    runs = []

    async def answer(ctx):
        runs.append(ctx.unsaid)
        if ctx.unsaid:
            return
        await ctx.reply("one")
        await world.say(ctx.chat_id, "wait")
        await insist(ctx, "two")
        await insist(ctx, "three")

    agent, chat_id = await overtaken(world, answer, on_conflict="repeat")

    assert runs == [(), ("two", "three")]
    assert await contents(world, chat_id, "a") == ["one", "two", "three"]
    assert await agent.journal.unresolved("a") == []


async def test_words_that_stand_are_overtaken_too(world):
    runs = []

    async def answer(ctx):
        runs.append([message.content for message in ctx.messages])
        if len(runs) < 3:
            await world.say(ctx.chat_id, f"{len(runs)}")
        if not ctx.unsaid:
            await ctx.reply("hi")

    _, chat_id = await overtaken(world, answer, on_conflict="repeat")

    assert runs == [["go"], ["go", "1"], ["go", "1", "2"]]
    assert [m["content"] for m in await world.owner.messages.list(chat_id)] == ["go", "1", "2", "hi"]


@pytest.mark.parametrize("policy", ["rerun", "repeat", "raise", "drop"])
async def test_what_newer_returns_is_shown_by_any_policy(world, policy):
    runs, newer = [], []

    async def answer(ctx):
        runs.append([message.content for message in ctx.messages])
        for number in range(2):
            await world.say(ctx.chat_id, f"{number}")
            newer.append([message.content for message in await ctx.newer()])
        newer.append(await ctx.newer())
        await ctx.reply("hi")

    agent, chat_id = await overtaken(world, answer, on_conflict=policy)

    assert (runs, newer) == ([["go"]], [["0"], ["1"], []])
    assert [m["content"] for m in await world.owner.messages.list(chat_id)] == ["go", "0", "1", "hi"]
    assert (await agent.journal.statistics("a")).due == 0


async def test_who_is_told_of_a_conflict_may_look_and_say_it_then(world):
    newer = []

    async def answer(ctx):
        await world.say(ctx.chat_id, "wait")
        with pytest.raises(NotCaughtUpError):
            await ctx.reply("hi")
        newer.extend(message.content for message in await ctx.newer())
        await ctx.reply("hi")

    agent, chat_id = await overtaken(world, answer, on_conflict="raise")

    assert newer == ["wait"]
    assert await contents(world, chat_id, "a") == ["hi"]
    assert (await agent.journal.statistics("a")).due == 0


async def test_a_filter_holds_for_what_is_newer_too_and_a_human_there_counts(world):
    newer = []

    async def answer(ctx):
        await world.say(ctx.chat_id, "no")
        await world.say(ctx.chat_id, "go on")
        newer.extend(message.content for message in await ctx.newer())
        await ctx.reply("hi")

    agent, chat_id = await overtaken(world, answer, pattern="^go")

    assert newer == ["go on"]
    assert await contents(world, chat_id, "a") == ["hi"]
    assert (await agent.journal.statistics("a")).due == 0


async def test_a_failure_after_newer_is_a_letter_that_covers_what_was_shown(world):
    shown = []

    async def answer(ctx):
        shown.append([message.content for message in ctx.messages])
        if shown[-1] == ["go"]:
            await world.say(ctx.chat_id, "more")
            await ctx.newer()
            raise LookupError

    plugin = Plugin("p")
    plugin.on_message(answer)
    agent = await world.agent("a", plugin, max_attempts=1)
    chat_id = (await world.owner.chats.ensure_direct("a"))["id"]
    await world.say(chat_id, "go")
    await agent.hear(chat_id, 1)

    (letter,) = await agent.journal.dead_letters("a")
    assert (letter.through_seq, len(letter.message_ids)) == (2, 2)
    await agent.journal.revive(agent.me, letter.dead_letter_id)
    await agent.deliver()
    assert shown == [["go"], ["go", "more"]]


async def test_what_newer_shows_a_suspect_is_written_down_before_it_is_shown(world):
    """If the process dies of it, its letter covers that too."""
    plugin = Plugin("p")

    @plugin.on_message
    async def answer(ctx):
        await world.say(ctx.chat_id, "more")
        await ctx.newer()

    agent = await world.agent("a", plugin)
    chat_id = (await world.owner.chats.ensure_direct("a"))["id"]
    await world.say(chat_id, "go")
    await agent.journal.hint("a", agent.hint(chat_id, 1))
    (delivery,) = await agent.journal.claim("a", limit=1)
    noted = []

    async def note_shown(_, *, through_seq, message_ids):
        noted.append((through_seq, len(message_ids)))

    agent.journal.note_shown = note_shown
    await agent.parts.dispatcher.attempts.run(dataclasses.replace(delivery, suspicion=Suspicion(deaths=1)))

    assert noted == [(1, 1), (2, 2)]
