"""What stands in between says 403, 404 or 413 in the backend's place: of no chat, no endpoint and no reply."""

from __future__ import annotations

import pytest

from mycel_runtime.errors import ContentTooLargeError
from mycel_runtime.plugin.plugin import Plugin
from tests.integration.speech.test_endless_trouble import wait
from tests.integration.speech.test_unresolved_sends import answering, contents
from tests.road.gateway import Gateway
from tests.road.message import LOGIN_PAGE, html

HISTORY = r"/messages\?"
PROOF = r"/messages/read$"
SEND = r"/messages$"
TWO_HOURS = 120


@pytest.fixture
def gateway(world):
    with Gateway(world.backend.port) as gateway:
        yield gateway


async def start(world, gateway, plugin, **dispatch):
    agent = await world.agent(
        "a", plugin, base_url=gateway.base_url, max_attempts=2, **{"retry_cap": 60.0} | dispatch
    )
    chat_id = (await world.owner.chats.create(["a"], kind="group", title="g"))["id"]
    return agent, chat_id


@pytest.mark.parametrize("status", [401, 403, 404, 405, 422])
async def test_a_page_in_the_place_of_the_proof_makes_no_older_server_of_the_backend(world, gateway, status):
    """Generation A answers 404 or 405 there, and is then told to mark everything as read."""
    agent, chat_id = await start(world, gateway, answering())
    await world.say(chat_id, "x")
    gateway.replace(html(status, "No"), "POST", PROOF)
    await agent.hear(chat_id, 1)
    await wait(agent, 5)
    assert gateway.calls["POST /api/chats/{id}/read"] == 0
    assert await contents(world, chat_id, "a") == []

    gateway.clear()
    await wait(agent, 2)

    assert await contents(world, chat_id, "a") == ["re: x"]
    assert await agent.journal.dead_letters("a") == []


@pytest.mark.slow
@pytest.mark.parametrize("answer", [LOGIN_PAGE, html(403, "No"), html(404, "Not Found")])
@pytest.mark.parametrize("path", [HISTORY, r"/api/chats/[^/]+$"])
async def test_a_page_of_two_hours_in_the_place_of_every_chat_buries_nothing(world, gateway, answer, path):
    agent, chat_id = await start(world, gateway, answering(), retry_base=600.0, retry_cap=600.0)
    other_id = (await world.owner.chats.ensure_direct("a"))["id"]
    gateway.replace(answer, "GET", path)
    for each in (chat_id, other_id):
        await world.say(each, "x")
        await agent.hear(each, 1)
    await wait(agent, TWO_HOURS)

    gateway.clear()
    await wait(agent, 10)

    for each in (chat_id, other_id):
        assert await contents(world, each, "a") == ["re: x"]
    assert await agent.journal.dead_letters("a") == []


@pytest.mark.slow
async def test_a_reply_that_a_firewall_refuses_for_ever_while_others_pass_is_a_dead_letter(world, gateway):
    """Absence is proven each time; passing trouble costs the wait, a rule about these words must end."""
    agent, chat_id = await start(world, gateway, answering())
    other_id = (await world.owner.chats.ensure_direct("a"))["id"]
    gateway.replace(html(403, "Blocked by rule 942100"), "POST", f"/{chat_id}{SEND}")
    await world.say(chat_id, "x")
    await agent.hear(chat_id, 1)
    await wait(agent, 10)
    assert await agent.journal.dead_letters("a") == []

    await world.say(other_id, "y")
    await agent.hear(other_id, 1)
    await wait(agent, 5)

    (letter,) = await agent.journal.dead_letters("a")
    assert letter.reason == "IntermediaryError 403: a page titled 'Blocked by rule 942100'"
    gateway.clear()
    await agent.journal.revive(agent.me, letter.dead_letter_id)
    await agent.deliver()
    assert await contents(world, chat_id, "a") == ["re: x"]
    assert await contents(world, other_id, "a") == ["re: y"]


async def test_a_reply_that_is_too_large_is_a_dead_letter_that_says_so_and_the_next_is_answered(
    world, gateway
):
    """Also in the only chat there is: that 413 is about these words is what it says."""
    agent, chat_id = await start(world, gateway, answering())
    gateway.max_body_bytes = 4_000
    await world.say(chat_id, "x" * 4_000)
    await agent.hear(chat_id, 1)
    await wait(agent, 2)
    await world.say(chat_id, "y")
    await agent.hear(chat_id, 2)

    (letter,) = await agent.journal.dead_letters("a")
    assert letter.reason.startswith("ContentTooLargeError 413: ")
    assert (letter.attempts, letter.through_seq) == (2, 1)
    assert await contents(world, chat_id, "a") == ["re: y"]


async def test_a_handler_that_is_told_of_a_413_may_say_less(world, gateway):
    plugin = Plugin("p")

    @plugin.on_message
    async def answer(ctx):
        try:
            await ctx.reply("long" * 1_000)
        except ContentTooLargeError:
            await ctx.reply("short")

    agent, chat_id = await start(world, gateway, plugin)
    gateway.max_body_bytes = 2_000
    await world.say(chat_id, "x")
    await agent.hear(chat_id, 1)

    assert await contents(world, chat_id, "a") == ["short"]
    assert await agent.journal.unresolved("a") == []
    assert (await agent.journal.statistics("a")).due == 0


async def test_a_limit_costs_neither_the_run_nor_an_attempt(world, gateway):
    """What was refused is sent again in the run that said it, once the history shows that it is not there."""
    runs, plugin = [], Plugin("p")

    @plugin.on_message
    async def answer(ctx):
        runs.append(ctx.attempt)
        await ctx.reply("hi")

    agent, chat_id = await start(world, gateway, plugin)
    gateway.replace(html(429, "Too Many Requests", retry_after=0), "POST", SEND, count=2)
    await world.say(chat_id, "x")
    await agent.hear(chat_id, 1)

    assert runs == [1]
    assert await contents(world, chat_id, "a") == ["hi"]
