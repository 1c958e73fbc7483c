"""Who follows a running agent is told what he wants, loses what he does not read, and holds nobody up."""

from __future__ import annotations

import asyncio
import json
import threading

import pytest

from mycel_runtime.known_secrets import MASK
from mycel_runtime.observe.facts import DeliveryPostponed, GuardReleased, MessageSent, PluginReleased
from mycel_runtime.observe.following import QUEUE_FACTS, FactFilter, Followers, line_of

SENT = MessageSent(handler="echo.answer", chat_id="c", message_seq=7)
POSTPONED = DeliveryPostponed(
    handler="llm.answer", lane="chat:c", reason="ValueError", attempts=1, spent=True, retry_in=1.0
)
RELEASED = PluginReleased(plugin="llm")
GUARD = GuardReleased(chat_id="d")
ALL = [SENT, POSTPONED, RELEASED, GUARD]


@pytest.mark.parametrize(
    ("wanted", "facts"),
    [
        (FactFilter(), ALL),
        (FactFilter(events=("message.*", "guard.released")), [SENT, GUARD]),
        (FactFilter(level="warning"), [POSTPONED]),
        (FactFilter(plugin="llm"), [POSTPONED, RELEASED]),
        (FactFilter(chat_id="c"), [SENT, POSTPONED]),
        (FactFilter(chat_id="c", level="error"), []),
    ],
)
def test_only_what_is_wanted_is_told(wanted, facts):
    assert list(filter(wanted.wants, ALL)) == facts


async def told_to(follower):
    return [json.loads(line) for line in [line async for line in follower.lines()] if line.strip()]


async def test_facts_of_any_thread_come_in_their_order_until_the_daemon_lets_go():
    async with Followers(lambda: 5.0) as followers:
        with followers.following(FactFilter()) as follower:
            thread = threading.Thread(target=lambda: [followers.tell(fact) for fact in ALL])
            thread.start()
            async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
                reading = tasks.create_task(told_to(follower), name="reading")
                await asyncio.to_thread(thread.join)
                await followers.__aexit__()
            told = reading.result()

    assert [each["event"] for each in told] == [fact.name for fact in ALL]
    assert told[0] == {
        "at": 5.0,
        "event": "message.sent",
        "level": "info",
        "handler": "echo.answer",
        "chat_id": "c",
        "message_seq": 7,
        "recovered": False,
    }


async def test_who_does_not_read_loses_the_oldest_and_is_told_how_many():
    followers = Followers(lambda: 5.0)
    with followers.following(FactFilter()) as follower:
        for number in range(QUEUE_FACTS + 3):
            followers.tell(MessageSent(handler="p.h", chat_id="c", message_seq=number))
        follower.close()
        lost, *rest = await told_to(follower)

    assert lost == {"event": "facts.lost", "level": "warning", "facts": 3}
    assert [each["message_seq"] for each in rest] == list(range(3, QUEUE_FACTS + 3))


def test_a_secret_in_a_reason_is_masked():
    fact = DeliveryPostponed(
        handler="p.h",
        lane="l",
        reason="Authorization: Bearer abcdefghij",
        attempts=1,
        spent=True,
        retry_in=1.0,
    )

    assert "abcdefghij" not in line_of(1.0, fact)
    assert MASK in line_of(1.0, fact)
