"""Runs whose words the daemon has kept are replayed without a backend, whatever has become of the words since."""

from __future__ import annotations

import contextlib

import httpx
import pytest

from mycel_runtime import Plugin
from mycel_runtime.backend.quirks import Quirks
from mycel_runtime.journal.capture_file import CAPTURE_NAME, CapturedRuns
from mycel_runtime.journal.sqlite.turn_log import SqliteTurnLog
from mycel_runtime.plugin.registry import BoundHandler
from mycel_runtime.replay.reading_client import OfflineClient, ReadingClient
from mycel_runtime.replay.session import Replay
from mycel_runtime.sdk import AsyncClient
from mycel_runtime.settings import DispatchSettings

SECRET = "the words of somebody"


@pytest.fixture
def options():
    """A backend in which what was said can be taken back."""
    return {"quirks": Quirks(retract_fails=False)}


@pytest.fixture
def replay(world):
    """Replays what an agent has done, by default without its backend; the outcomes, with the reasons."""

    async def run(agent, plugin=None, *, is_offline=True, is_captured=True):
        path = world.folder / agent.me / "journal.sqlite3"
        capture = path.with_name(CAPTURE_NAME if is_captured else "none")
        url, client = (
            ("http://127.0.0.1:9", OfflineClient) if is_offline else (world.backend.base_url, ReadingClient)
        )
        async with client(base_url=url, auth_token=world.tokens[agent.me]) as sdk:
            log, handlers = SqliteTurnLog(path, agent.me), (plugin or agent.plugin).handlers
            session = Replay(
                log,
                sdk=sdk,
                handlers=[BoundHandler(handler=handler, settings=None) for handler in handlers],
                me=agent.me,
                settings=DispatchSettings(),
                captured=CapturedRuns(capture),
            )
            async with contextlib.aclosing(session.run(log.select())) as replayed:
                return [each async for each in replayed]

    return run


def outcomes(replayed):
    return [(each.outcome, each.reason) for each in replayed]


def written(agent):
    """Have everything on the disk that is to be kept."""
    agent.capture.close()


async def take_back(world, token, message):
    url = f"{world.backend.base_url}/api/chats/{message['chat_id']}/messages/{message['id']}/retract"
    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {token}"}) as client:
        (await client.post(url)).raise_for_status()


def asks_for_everything(plugin, elsewhere, *, mark, is_more=False):
    """Each way in which a handler of messages is shown something."""

    @plugin.on_message(chat="group", mention=True)
    async def hear(ctx):
        heard = [(message.content, message.sender.type) for message in ctx.messages]
        whole = [message.content for message in await ctx.history(50)]
        await ctx.reply(f"{mark} {heard} {whole}")
        newest = [message.content for message in await ctx.history(3)]
        first = [message.content for message in await ctx.history(1, before=2)]
        members = sorted(member["id"] for member in await ctx.members())
        read = [message.content for message in await ctx.read(elsewhere)]
        chat = await ctx.sdk.chats.get(ctx.chat_id)
        said = await ctx.sdk.messages.send(ctx.chat_id, f"{newest} {first} {members} {read} {chat['title']}")
        await ctx.say(await ctx.chats.direct("boss"), f"reported {said['seq']}")
        if is_more:
            await ctx.sdk.chats.list()


async def test_what_was_captured_is_shown_again_without_a_backend_though_it_was_taken_back(world, replay):
    made = await world.owner.auth.create_external_user("ann", "Ann")
    await world.user("boss")
    plugin, changed, further = Plugin("p"), Plugin("p"), Plugin("p")
    world.tokens["agent"] = (await world.owner.auth.create_external_user("agent", "agent"))["token"]
    elsewhere = (await world.owner.chats.create(["agent"], kind="group", title="e"))["id"]
    await world.say(elsewhere, "far away")
    asks_for_everything(plugin, elsewhere, mark="heard")
    asks_for_everything(changed, elsewhere, mark="learned")
    asks_for_everything(further, elsewhere, mark="heard", is_more=True)
    agent = await world.agent("agent", plugin, capture=True)
    chat = (await world.owner.chats.create(["agent", "ann"], kind="group", title="g"))["id"]
    async with AsyncClient(base_url=world.backend.base_url, auth_token=made["token"]) as ann:
        said = [
            await ann.messages.send(chat, text, mentions=["agent"], enforce_caught_up=False)
            for text in ("one", SECRET)
        ]
    await agent.hear(chat)
    for message in said:
        await take_back(world, made["token"], message)
    written(agent)

    assert outcomes(await replay(agent)) == [("same", "")]
    (first,) = await replay(agent, changed)
    (again,) = await replay(agent, changed)
    assert first == again
    assert (first.is_captured, [each.what for each in first.differences]) == (True, ["reply"] * 2)
    assert first.texts[0].startswith("learned [('one', 'external'), ('the words of somebody', 'external')]")
    # What nobody has asked for was not kept: that is read, or left.
    (beyond,) = await replay(agent, further)
    assert (beyond.outcome, "offline" in beyond.reason) == ("skipped", True)
    assert outcomes(await replay(agent, further, is_offline=False)) == [("same", "")]
    # And this is what the capture is for.
    assert outcomes(await replay(agent, is_offline=False, is_captured=False)) == [("differs", "")]
    assert outcomes(await replay(agent, is_captured=False))[0][0] == "skipped"


async def test_timers_and_requests_are_shown_with_what_no_log_has(world, replay):
    plugin = Plugin("p")

    @plugin.on_relationship
    async def decide(ctx):
        ctx.store["asked"] = SECRET if SECRET in str(ctx.message) else ""
        ctx.timers.set("later", after=60, key=SECRET, data=SECRET)

    @plugin.on_timer("later")
    async def later(ctx):
        ctx.store["later"] = f"{ctx.key} {ctx.data}"

    agent = await world.agent("agent", plugin, capture=True)
    await world.owner.relationships.request("agent", SECRET)
    await agent.parts.reconciler.run("test")
    await agent.deliver()
    agent.clock.ahead += 100
    await agent.deliver()
    written(agent)
    silent = Plugin("p")

    @silent.on_timer("later")
    async def later(ctx):  # noqa: F811 - the same handler, beside others that plan nothing any more
        ctx.store["later"] = f"{ctx.key} {ctx.data}"

    replayed = await replay(agent)
    assert {outcome for outcome, _ in outcomes(replayed)} == {"same"}
    assert all(each.is_captured for each in replayed)
    assert [each.outcome for each in await replay(agent, silent) if each.turn.kind == "timer"] == ["same"]
    without = await replay(agent, silent, is_captured=False)
    assert ["kept nowhere" in each.reason for each in without if each.turn.kind == "timer"] == [True]


async def test_what_cannot_be_kept_costs_no_delivery_and_is_told_once(world, replay):
    plugin = Plugin("p")

    @plugin.on_message
    async def hear(ctx):
        await ctx.reply(f"heard {ctx.messages[-1].content}")

    # Not ours, and no file.
    (world.folder / "agent" / CAPTURE_NAME).mkdir(parents=True)
    agent = await world.agent("agent", plugin, capture=True)
    chat = (await world.owner.chats.ensure_direct("agent"))["id"]
    for text in ("one", SECRET):
        await world.say(chat, text)
        await agent.hear(chat)
    written(agent)
    (world.folder / "agent" / CAPTURE_NAME).rmdir()

    assert [each["content"] for each in await world.owner.messages.list(chat)][-1] == f"heard {SECRET}"
    (failed,) = agent.memory.named("capture.failed")
    assert SECRET not in str(agent.memory.facts)
    assert "directory" in failed.reason
    assert outcomes(await replay(agent, is_offline=False)) == [("same", "")] * 2
