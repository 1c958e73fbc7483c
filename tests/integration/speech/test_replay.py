"""Every kind of turn, replayed: through the same code nothing differs, through changed code what it would do."""

from __future__ import annotations

import contextlib
import sqlite3

import pytest

from mycel_runtime import Plugin, Retry
from mycel_runtime.errors import ArgumentError, PermissionDeniedError
from mycel_runtime.journal.capture_file import CAPTURE_NAME, CapturedRuns
from mycel_runtime.journal.sqlite.turn_log import SqliteTurnLog
from mycel_runtime.plugin.isolation.process import WorkerSpec
from mycel_runtime.plugin.registry import BoundHandler
from mycel_runtime.replay.memory import HOOK
from mycel_runtime.replay.reading_client import ReadingClient
from mycel_runtime.replay.session import Replay
from mycel_runtime.settings import DispatchSettings


@pytest.fixture
def replay(world):
    """Replays what an agent has done, through its own code or another plugin."""

    async def run(agent, plugin=None, worker=None, refused=0):
        path = world.folder / agent.me / "journal.sqlite3"
        async with ReadingClient(base_url=world.backend.base_url, auth_token=world.tokens[agent.me]) as sdk:
            log = SqliteTurnLog(path, agent.me)
            handlers = [
                BoundHandler(handler=handler, settings=None, worker=worker)
                for handler in (plugin or agent.plugin).handlers
            ]
            captured = CapturedRuns(path.with_name(CAPTURE_NAME))
            replay = Replay(
                log,
                sdk=sdk,
                handlers=handlers,
                me=agent.me,
                settings=DispatchSettings(),
                captured=captured,
            )
            async with contextlib.aclosing(replay.run(log.select())) as replayed:
                done = [each async for each in replayed]
            assert sdk.refused == refused
        return done

    return run


async def direct(world, agent, *texts):
    """A chat in which this was said, one after the other."""
    chat = (await world.owner.chats.ensure_direct(agent.me))["id"]
    for text in texts:
        await world.say(chat, text)
        await agent.hear(chat)
    return chat


def outcomes(replayed):
    return [each.outcome for each in replayed]


def found(replayed):
    (only,) = replayed
    return [(each.what, each.done, each.would) for each in only.differences]


def end(done, would):
    return ("end", {"end": done}, {"end": would})


async def test_a_run_sees_of_its_chat_what_it_saw_then(world, replay):
    plugin = Plugin("p")

    @plugin.on_message
    async def hear(ctx):
        await ctx.reply("before")
        if len(await ctx.history()) == 2:
            await say_meanwhile(ctx.chat_id)
        newer = [message.content for message in await ctx.newer()]
        past = [message.content for message in await ctx.history()]
        page = [message.content for message in await ctx.history(1, before=2)]
        await ctx.reply(f"{newer} {past} {page} {len(await ctx.members())} {ctx.guard.turns_left}")

    async def say_meanwhile(chat_id):
        if not is_replayed:
            await world.say(chat_id, "meanwhile")

    is_replayed = False
    agent = await world.agent("agent", plugin)
    chat = await direct(world, agent, "one", "two")
    await world.say(chat, "after all that")
    is_replayed = True

    assert outcomes(await replay(agent)) == ["same", "same"]


async def test_what_a_run_says_by_the_sdk_is_taken_down_and_its_reads_are_made(world, replay):
    plugin = Plugin("p")

    @plugin.on_message
    async def hear(ctx):
        chat = await ctx.sdk.chats.get(ctx.chat_id)
        said = await ctx.sdk.messages.send(ctx.chat_id, f"{len(chat['members'])} of us")
        assert said["content"] == "2 of us"

    agent = await world.agent("agent", plugin)
    chat = await direct(world, agent, "one")

    assert outcomes(await replay(agent)) == ["same"]
    assert [each["content"] for each in await world.owner.messages.list(chat)] == ["one", "2 of us"]


async def test_each_turn_begins_with_what_was_remembered_then(world, replay):
    """Also where the changed code would have left something else there."""
    plugin, changed = Plugin("p"), Plugin("p")

    @plugin.on_message
    async def hear(ctx):
        ctx.store["all"] = [*ctx.store.get("all", []), ctx.messages[-1].content]
        await ctx.reply(str(ctx.store["all"]))

    agent = await world.agent("agent", plugin)
    await direct(world, agent, "one", "two", "three")

    @changed.on_message(pattern="")
    async def hear(ctx):  # noqa: F811 - the same handler, changed
        if ctx.messages[-1].content == "three":
            ctx.store["all"] = []
        else:
            ctx.store["all"] = [*ctx.store.get("all", []), ctx.messages[-1].content]
        await ctx.reply(str(ctx.store["all"]))

    assert outcomes(await replay(agent)) == ["same"] * 3
    assert outcomes(await replay(agent, changed)) == ["same", "same", "differs"]


async def test_what_nobody_can_tell_any_more_is_named(world, replay):
    plugin, changed = Plugin("p"), Plugin("p")

    @plugin.on_message
    async def hear(ctx):
        ctx.store["count"] = ctx.store.get("count", 0) + 1

    @changed.on_message
    async def hear(ctx):  # noqa: F811 - the same handler, changed
        ctx.store["count"] = ctx.store.get("count", 0) + (5 if ctx.messages[-1].content == "one" else 1)

    agent = await world.agent("agent", plugin)
    await direct(world, agent, "one", "two", "three")

    first, second, third = await replay(agent, changed)
    assert (first.uncertain, second.uncertain) == ((), (1,))
    assert (first.outcome, second.outcome, third.outcome) == ("differs", "differs", "differs")


async def test_where_the_log_does_not_reach_back_a_store_is_not_taken_for_known(world, replay):
    plugin = Plugin("p")

    @plugin.on_message
    async def hear(ctx):
        ctx.store["count"] = ctx.store.get("count", 0) + 1

    agent = await world.agent("agent", plugin)
    await direct(world, agent, "one", "two")
    await agent.journal._writer.submit(
        lambda connection: connection.execute("DELETE FROM turn WHERE turn_id = 1")
    )

    (turn,) = await replay(agent)
    assert (turn.outcome, turn.uncertain) == ("differs", (0,))


async def test_a_run_that_was_ended_at_a_reply_ends_there(world, replay):
    plugin = Plugin("p")

    @plugin.on_message(on_conflict="drop")
    async def hear(ctx):
        if not is_replayed and ctx.messages[-1].content == "one":
            await world.say(ctx.chat_id, "meanwhile")
        await ctx.reply("too late")
        await ctx.reply("never asked for")

    is_replayed = False
    agent = await world.agent("agent", plugin)
    chat = (await world.owner.chats.ensure_direct("agent"))["id"]
    await world.say(chat, "one")
    await agent.take(*agent.hint(chat))
    await agent.deliver_next()
    is_replayed = True

    assert outcomes(await replay(agent)) == ["same"]


async def test_a_run_after_others_is_told_what_they_said(world, replay):
    plugin = Plugin("p")

    @plugin.on_message
    async def hear(ctx):
        await ctx.reply(f"attempt {ctx.attempt}, {len(ctx.said)} said, {len(await ctx.history())} there")
        if ctx.attempt == 1:
            raise Retry(after=30)

    agent = await world.agent("agent", plugin)
    await direct(world, agent, "one")
    agent.clock.ahead += 60
    await agent.deliver()

    assert outcomes(await replay(agent)) == ["same"]


async def test_what_was_given_up_may_be_mended(world, replay):
    plugin, mended, broken = Plugin("p"), Plugin("p"), Plugin("p")

    @plugin.on_message(max_attempts=1)
    async def hear(ctx):
        raise ValueError

    @mended.on_message
    async def hear(ctx):  # noqa: F811 - the same handler, changed
        await ctx.reply("mended")

    @broken.on_message
    async def hear(ctx):  # noqa: F811 - the same handler, changed
        raise Retry

    agent = await world.agent("agent", plugin)
    await direct(world, agent, "one")

    assert outcomes(await replay(agent)) == ["same"]
    first, second = found(await replay(agent, mended))
    assert (first, second[2]["length"]) == (end("ValueError", "returned"), len("mended"))
    assert found(await replay(agent, broken)) == [end("ValueError", "Retry")]


async def test_what_was_remembered_of_giving_up_is_there_for_the_turns_that_follow(world, replay):
    plugin, mended = Plugin("p"), Plugin("p")

    async def note(ctx):
        ctx.store["failed"] = ctx.store.get("failed", 0) + 1

    @plugin.on_message(max_attempts=1, on_give_up=note)
    async def hear(ctx):
        if ctx.messages[-1].content == "one":
            raise ValueError
        await ctx.reply(f"{ctx.store['failed']} failed")

    @mended.on_message
    async def hear(ctx):  # noqa: F811 - the same handler, changed
        if ctx.messages[-1].content == "two":
            await ctx.reply(f"{ctx.store['failed']} failed")

    agent = await world.agent("agent", plugin)
    await direct(world, agent, "one", "two")

    assert outcomes(await replay(agent)) == ["same", "same"]
    assert outcomes(await replay(agent, mended)) == ["differs", "same"]


async def test_a_handler_that_does_not_want_to_hear_it_any_more_differs(world, replay):
    plugin, deaf, other = Plugin("p"), Plugin("p"), Plugin("p")

    @plugin.on_message
    async def hear(ctx): ...

    @deaf.on_message(pattern="^two")
    async def hear(ctx): ...  # noqa: F811 - the same handler, changed

    @other.on_timer("t")
    async def hear(ctx): ...  # noqa: F811 - the same handler, changed

    agent = await world.agent("agent", plugin)
    await direct(world, agent, "one")

    for changed in (deaf, other, Plugin("q")):
        assert found(await replay(agent, changed)) == [end("returned", "not run")]


async def test_timers_and_schedules_are_replayed_with_what_they_were_set_with(world, replay):
    plugin, later = Plugin("p"), Plugin("p")

    @plugin.on_message
    def hear(ctx):
        ctx.timers.set("remind", after=60, key=ctx.messages[-1].content, data={"n": 1})

    @plugin.on_timer("remind")
    def remind(ctx):
        ctx.store["last"] = [ctx.name, ctx.key, ctx.data]

    @plugin.every(minutes=10)
    async def ten(ctx):
        ctx.store["tens"] = ctx.store.get("tens", 0) + 1

    @later.on_message
    async def hear(ctx):  # noqa: F811 - the same handler, changed
        ctx.timers.set("remind", after=61, key=ctx.messages[-1].content, data={"n": 1})

    @later.on_timer("remind")
    async def remind(ctx): ...  # noqa: F811 - the same handler, changed

    agent = await world.agent("agent", plugin)
    await direct(world, agent, "one")
    agent.clock.ahead += 700
    await agent.deliver()

    assert outcomes(await replay(agent)) == ["same"] * 3
    first, *_ = await replay(agent, later)
    assert [(each.what, each.done["after"], each.would["after"]) for each in first.differences] == [
        ("timer", 60, 61)
    ]


async def test_a_timer_whose_data_nobody_knows_any_more_is_passed_over(world, replay):
    plugin, silent = Plugin("p"), Plugin("p")

    @plugin.on_message
    async def hear(ctx):
        ctx.timers.set("remind", after=60, data="secret")

    @plugin.on_timer("remind")
    async def remind(ctx): ...

    silent.on_timer("remind")(remind)
    agent = await world.agent("agent", plugin)
    await direct(world, agent, "one")
    agent.clock.ahead += 60
    await agent.deliver()

    _, timer = await replay(agent, silent)
    assert (timer.outcome, "kept nowhere" in timer.reason) == ("skipped", True)


@pytest.mark.parametrize("is_granted", [True, False])
async def test_decisions_are_compared_and_made_by_nobody(world, replay, is_granted):
    """A relationship that was rejected is there no more: it is shown as it was, without its words."""
    plugin, contrary = Plugin("p"), Plugin("p")

    def decides(plugin, *, grants):
        @plugin.on_relationship
        async def decide(ctx):
            if ctx.is_open:
                ctx.store["asked"] = [ctx.state, ctx.other_user_id]
                await (ctx.approve() if grants else ctx.reject("no"))

    decides(plugin, grants=is_granted)
    decides(contrary, grants=not is_granted)
    agent = await world.agent("agent", plugin)
    await world.owner.relationships.request("agent", "please")
    await agent.parts.reconciler.run("test")
    await agent.deliver()
    rows = await world.owner.relationships.list()

    assert set(outcomes(await replay(agent))) == {"same"}
    (first, *_) = await replay(agent, contrary)
    deeds = ("approve", "reject") if is_granted else ("reject", "approve")
    assert [(each.done, each.would) for each in first.differences] == [
        ({"deed": deeds[0]}, {"deed": deeds[1]})
    ]
    assert await world.owner.relationships.list() == rows


async def test_what_is_said_first_is_said_by_nobody(world, replay):
    plugin = Plugin("p")

    @plugin.on_message(chat="direct")
    async def hear(ctx):
        await ctx.say(elsewhere, ctx.messages[-1].content)
        await ctx.say(ctx.chat_id, "passed on")

    agent = await world.agent("agent", plugin)
    elsewhere = (await world.owner.chats.create(["agent"], kind="group", title="g"))["id"]
    await direct(world, agent, "one")
    assert [each["content"] for each in await world.owner.messages.list(elsewhere)] == ["one"]

    assert [each.outcome for each in await replay(agent)] == ["same"]
    assert len(await world.owner.messages.list(elsewhere)) == 1


async def test_what_is_asked_of_the_server_by_its_client_is_read_again_and_never_written(world, replay):
    plugin = Plugin("p")

    @plugin.on_message
    async def hear(ctx):
        chats = len(await ctx.sdk.chats.list())
        await ctx.sdk.messages.send(ctx.chat_id, f"heard in one of {chats} chats")
        if ctx.messages[-1].content == "two":
            await ctx.sdk.chats.create(["owner"], kind="group", title="another")

    agent = await world.agent("agent", plugin)
    await world.user("owner")
    await direct(world, agent, "one", "two")
    before = await agent.sdk.chats.list()
    assert len(before) == 2

    (first, second) = await replay(agent, refused=1)
    assert (first.outcome, second.outcome) == ("differs", "skipped")
    assert [(each.what, each.done["length"]) for each in first.differences] == [
        ("reply", len("heard in one of 1 chats"))
    ]
    assert "writes by ctx.sdk" in second.reason
    assert await agent.sdk.chats.list() == before


async def test_what_is_said_first_is_compared_chat_by_chat_and_said_by_nobody(world, replay):
    plugin, changed = Plugin("p"), Plugin("p")

    def reports(plugin, text):
        @plugin.on_message
        async def hear(ctx):
            await ctx.say(await ctx.chats.direct("boss"), f"{text}: {ctx.messages[-1].content}")
            await ctx.say(ctx.chat_id, "reported")

        @plugin.every(minutes=10)
        def post(ctx):
            ctx.say("nowhere", text)

    reports(plugin, "heard")
    reports(changed, "learned")
    await world.user("boss")
    agent = await world.agent("agent", plugin)
    chat = await direct(world, agent, "one")
    agent.clock.ahead += 700
    await agent.deliver()
    (desk,) = [each["id"] for each in await agent.sdk.chats.list() if each["id"] != chat]

    assert outcomes(await replay(agent)) == ["same", "same"]
    first, second = await replay(agent, changed)
    assert [(each.what, each.would["chat_id"], each.would["length"]) for each in first.differences] == [
        ("say", desk, len("learned: one"))
    ]
    assert (first.texts, first.uttered_texts) == (("reported",), ("learned: one",))
    assert second.uttered_texts == ("learned",)
    assert [each["content"] for each in await agent.sdk.messages.list(desk)] == ["heard: one"]


async def test_what_a_run_read_of_other_chats_is_read_again_page_by_page(world, replay):
    plugin, changed = Plugin("p"), Plugin("p")

    def digests(plugin, text, limit):
        @plugin.on_message(chat="direct")
        async def hear(ctx):
            pages = []
            while page := await ctx.read(elsewhere, limit):
                pages.append([message.content for message in page])
            await ctx.reply(f"{text} {pages}")

    digests(plugin, "read", 2)
    digests(changed, "studied", 2)
    agent = await world.agent("agent", plugin)
    elsewhere = (await world.owner.chats.create(["agent"], kind="group", title="g"))["id"]
    for text in ("a", "b", "c"):
        await world.say(elsewhere, text)
    chat = await direct(world, agent, "one")
    await world.say(elsewhere, "after all that")

    assert outcomes(await replay(agent)) == ["same"]
    (only,) = await replay(agent, changed)
    assert only.texts == ("studied [['a', 'b'], ['c']]",)
    assert (await world.owner.messages.list(chat))[-1]["content"] == "read [['a', 'b'], ['c']]"


async def test_what_a_hook_remembers_may_be_why_a_turn_differs(world, replay):
    plugin = Plugin("p")

    @plugin.on_start
    async def start(ctx):
        ctx.store["starts"] = ctx.store.get("starts", 0) + 1

    @plugin.on_message
    async def hear(ctx):
        await ctx.reply(f"start {ctx.store['starts']}")

    agent = await world.agent("agent", plugin)
    await agent.parts.dispatcher.lifecycle.start(lambda: None)
    await direct(world, agent, "one")
    assert outcomes(await replay(agent)) == ["same"]
    await agent.journal.close()
    agent = await world.agent("agent", plugin)
    await agent.parts.dispatcher.lifecycle.start(lambda: None)

    (only,) = await replay(agent)
    assert (only.outcome, only.uncertain) == ("differs", (HOOK,))


SOURCE = """
import time
from mycel_runtime import Plugin
plugin = Plugin("p")
PAUSE = 0.05

@plugin.on_timer("later")
def later(ctx): ...

@plugin.on_message
def hear(ctx):
    time.sleep(PAUSE)
    ctx.timers.set("later", after=60)
    ctx.chat_store["n"] = ctx.chat_store.get("n", 0) + 1
    ctx.reply(f"{ctx.chat_store['n']} of {len(ctx.history())}")
"""


@pytest.mark.slow
async def test_a_plugin_in_a_process_of_its_own_is_replayed_there(world, replay, tmp_path):
    names = {}
    exec(SOURCE, names)
    # A slower run plans nothing later: its clock stands where the turn began.
    names["PAUSE"] = 0.0
    (tmp_path / "isolated.py").write_text(SOURCE)
    worker = WorkerSpec(
        name="p", table={"path": "isolated.py"}, config=tmp_path / "agent.toml", import_timeout=30.0
    )
    agent = await world.agent("agent", names["plugin"])
    await direct(world, agent, "one", "two")

    assert outcomes(await replay(agent, worker=worker)) == ["same", "same"]


async def test_a_run_with_tools_is_passed_over(world, replay):
    """Also one that goes on without them."""
    plugin = Plugin("p")

    @plugin.on_message
    async def hear(ctx):
        with contextlib.suppress(ArgumentError):
            await ctx.tools()
        await ctx.reply("heard")

    agent = await world.agent("agent", plugin)
    await direct(world, agent, "one")

    (turn,) = await replay(agent)
    assert (turn.outcome, "its tools would speak" in turn.reason) == ("skipped", True)


async def test_a_message_that_is_gone_is_passed_over(world, replay):
    plugin = Plugin("p")

    @plugin.on_message
    async def hear(ctx): ...

    agent = await world.agent("agent", plugin)
    await direct(world, agent, "one")
    await agent.journal._writer.submit(
        lambda connection: connection.execute("UPDATE turn SET shown = replace(shown, '[[', '[[9')")
    )

    (turn,) = await replay(agent)
    assert (turn.outcome, "not in the chat any more" in turn.reason) == ("skipped", True)


async def test_the_client_of_a_replay_changes_nothing(world):
    plugin = Plugin("p")

    @plugin.on_message
    async def hear(ctx): ...

    agent = await world.agent("agent", plugin)
    chat = await direct(world, agent)
    async with ReadingClient(base_url=world.backend.base_url, auth_token=world.tokens["agent"]) as sdk:
        assert not await sdk.messages.list(chat)
        for write in (
            lambda: sdk.messages.send(chat, "x", enforce_caught_up=False),
            lambda: sdk.messages.read(chat),
            lambda: sdk.messages.mark_read(chat),
            sdk.notifications.drain,
            lambda: sdk.relationships.request("owner"),
        ):
            with pytest.raises(PermissionDeniedError, match="only reads"):
                await write()
        assert sdk.refused == 5
    assert not await world.owner.messages.list(chat)


async def test_the_journal_is_read_beside_its_daemon_and_not_written(world, replay):
    plugin = Plugin("p")

    @plugin.on_message
    async def hear(ctx): ...

    agent = await world.agent("agent", plugin)
    await direct(world, agent, "one")

    def version():
        path = world.folder / "agent" / "journal.sqlite3"
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            return connection.execute("PRAGMA data_version").fetchone(), list(connection.iterdump())

    before = version()
    await replay(agent)
    assert version() == before
