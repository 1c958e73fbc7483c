"""What never gets better costs the handlers little and the backend less and less."""

from __future__ import annotations

from tests.integration.speech.test_quirks import listening, recorded

MINUTES = 5


async def test_a_chat_that_cannot_be_read_is_asked_less_and_less_while_another_is_busy(world):
    plugin, shown = listening()
    agent = await world.agent("a", plugin, retry_base=1.0, retry_cap=60.0)
    await world.user("other")
    broken = (await world.owner.chats.create(["a", "other"], kind="group", title="g"))["id"]
    busy = (await world.owner.chats.ensure_direct("a"))["id"]
    await world.say(broken, "x")
    world.backend.faults.refuse(500, 10**6, path=f"/api/chats/{broken}/messages", method="GET")
    asked = recorded(agent, "list")
    await agent.hear(broken, 1)
    for number in range(MINUTES * 12):
        await world.say(busy, f"{number}")
        await agent.hear(busy, number + 1)
        agent.clock.ahead += 5

    assert len(shown) == MINUTES * 12
    assert 3 < sum(args[0] == broken for args in asked) < MINUTES * 4
