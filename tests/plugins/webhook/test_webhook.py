"""What an endpoint answers is said and done once, whatever it or the network does in between."""

from __future__ import annotations

import asyncio
import re

import pytest
from standardwebhooks import Webhook

from mycel_runtime.observe.facts import PluginStartFailed
from tests.plugins.webhook.endpoint import KEY, raw, response

pytestmark = pytest.mark.slow

PATIENCE = 60.0
"""Seconds of a busy machine: a retry after a fault is no matter of time here."""


def echo(request):
    """What a simple endpoint does."""
    return {"replies": [f"heard {each['content']}" for each in request.content["messages"]]}


async def test_a_delivery_is_signed_and_its_answer_said(mycel, endpoint, delivering):
    ada = await mycel.human("Ada")
    await delivering(history=5)
    endpoint.script = [echo, echo]
    await ada.says("hello")
    await ada.hears("heard hello", within=PATIENCE)
    await ada.says("again")
    await ada.hears("heard again", within=PATIENCE)
    await ada.hears_nothing(within=PATIENCE)

    first, second = endpoint.requests
    content = Webhook(KEY).verify(first.body, first.headers)
    assert content["messages"][0]["sender"] == {"id": ada.id, "name": "Ada", "type": "human"}
    assert content["id"] == first.headers["webhook-id"] != second.headers["webhook-id"]
    assert [each["content"] for each in second.content["history"]] == ["hello", "heard hello"]
    assert first.headers["mycel-attempt"] == "1"


async def test_nothing_of_the_agent_s_own_goes_along(mycel, endpoint, delivering):
    ada = await mycel.human("Ada")
    await delivering()
    await ada.says("hello")
    await mycel.settles()

    (request,) = endpoint.requests
    assert "authorization" not in request.headers
    assert "cookie" not in request.headers
    await ada.hears_nothing(within=PATIENCE)


FAILURES = {
    "500": 500,
    "429": response({}, 429, **{"retry-after": "30"}),
    "503": response({}, 503, **{"retry-after": "1"}),
    "cut": b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{",
    "no answer": b"",
    "no HTTP": b"SSH-2.0-x\r\n\r\n",
    "a page": raw(b"<html>log in</html>", 200, **{"content-type": "text/html"}),
}


@pytest.mark.parametrize("failure", FAILURES)
async def test_what_passes_is_tried_again_under_the_same_id(mycel, endpoint, delivering, failure):
    ada = await mycel.human("Ada")
    agent = await delivering()
    endpoint.script = [FAILURES[failure], FAILURES[failure], echo]
    await ada.says("hello")
    await ada.hears("heard hello", within=PATIENCE)
    await ada.hears_nothing(within=PATIENCE)

    assert [each.headers["mycel-attempt"] for each in endpoint.requests] == ["1", "2", "3"]
    assert len({each.headers["webhook-id"] for each in endpoint.requests}) == 1
    assert len({each.body for each in endpoint.requests}) == 1
    assert not await agent.dead_letters()


REFUSALS = {
    "400": (400, "400"),
    "404": (404, "404"),
    "410": (410, "no more deliveries"),
    "redirect": (response({}, 307, location="http://127.0.0.1:1/"), "redirect"),
    "unknown key": ({"replys": ["secret"]}, "replys: unknown key"),
    "no JSON": (raw(b"secret", 200, **{"content-type": "application/json"}), "Invalid JSON"),
    "large": (raw(b" " * 2000, 200, **{"content-type": "application/json"}), "larger than 1024"),
    "packed": (
        raw(b"secret", 200, **{"content-encoding": "gzip", "content-type": "application/json"}),
        "compressed",
    ),
}


@pytest.mark.parametrize("refusal", REFUSALS)
async def test_what_does_not_pass_is_a_dead_letter_and_the_person_is_told(
    mycel, endpoint, delivering, refusal
):
    ada = await mycel.human("Ada")
    agent = await delivering(on_give_up="I cannot answer that now.", most_bytes=1024)
    sent, reason = REFUSALS[refusal]
    endpoint.script = [sent]
    await ada.says("hello")
    await ada.hears("I cannot answer that now.", within=PATIENCE)
    await ada.hears_nothing(within=PATIENCE)

    (letter,) = await agent.dead_letters()
    assert reason in letter.reason
    assert "secret" not in letter.reason
    assert len(endpoint.requests) == 1


async def test_an_endpoint_that_hangs_is_given_up_in_its_time(mycel, endpoint, delivering):
    ada = await mycel.human("Ada")
    stuck = asyncio.Event()

    async def hang(reader, writer):
        await stuck.wait()
        writer.close()

    async with await asyncio.start_server(hang, "127.0.0.1", 0) as server:
        endpoint.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        agent = await delivering(timeout=0.05, max_attempts=2, on_give_up="Nobody is there.")
        await ada.says("hello", to=agent)
        await ada.hears("Nobody is there.", within=PATIENCE)
        stuck.set()
    await mycel.settles()
    (letter,) = await agent.dead_letters()
    assert "did not answer within 0.05 s" in letter.reason


@pytest.mark.parametrize("fault", ["lost answer", "before intent", "after send", "before finish", "restart"])
async def test_replies_are_said_once(mycel, endpoint, delivering, fault):
    ada = await mycel.human("Ada")
    agent = await delivering()
    endpoint.script = [{"replies": ["one", "two"]}] * 3
    if fault == "lost answer":
        mycel.faults.lose_answer()
    elif fault == "restart":
        await agent.kill()
    else:
        agent.die_at(fault)
    await ada.says("hello", to=agent)
    if fault == "restart":
        await agent.start()
    await ada.hears("one", within=PATIENCE)
    await ada.hears("two", within=PATIENCE)
    await ada.hears_nothing(within=PATIENCE)
    assert len({each.headers["webhook-id"] for each in endpoint.requests}) == 1


async def test_a_long_reply_is_said_in_pieces_once(mycel, endpoint, delivering):
    ada = await mycel.human("Ada")
    agent = await delivering(reply_characters=10)
    endpoint.script = [{"replies": ["one two three four"]}] * 2
    agent.die_at("after send")
    await ada.says("hello", to=agent)
    await ada.hears("one two", within=PATIENCE)
    await ada.hears("three four", within=PATIENCE)
    await ada.hears_nothing(within=PATIENCE)


async def test_what_the_backend_does_not_take_is_asked_for_once(mycel, endpoint, delivering):
    """The endpoint would answer the same each time, and be refused each time."""
    ada = await mycel.human("Ada")
    agent = await delivering(on_give_up="That is more than I can say here.")
    mycel.faults.refuse(413, path=".*/messages", method="POST", times=1)
    endpoint.script = [echo] * 3
    await ada.says("hello", to=agent)
    await ada.hears("That is more than I can say here.", within=PATIENCE)
    await ada.hears_nothing(within=PATIENCE)

    (letter,) = await agent.dead_letters()
    assert "11 characters is too large" in letter.reason
    assert len(endpoint.requests) == 1


async def test_who_speaks_first_makes_another_turn_of_the_delivery(mycel, endpoint, delivering):
    ada = await mycel.human("Ada")
    await delivering()

    async def slow(request):
        await ada.says("wait")
        return echo(request)

    endpoint.script = [slow, echo]
    await ada.says("hello")
    await ada.hears("heard hello", within=PATIENCE)
    await ada.hears("heard wait", within=PATIENCE)
    await ada.hears_nothing(within=PATIENCE)

    first, second = endpoint.requests
    assert first.headers["webhook-id"] != second.headers["webhook-id"]
    assert [each["content"] for each in second.content["messages"]] == ["hello", "wait"]


@pytest.mark.parametrize(
    ("deed", "state"), [({"do": "approve"}, "visit"), ({"do": "reject", "why": "no"}, "")]
)
async def test_a_request_is_decided_as_the_endpoint_answers(mycel, endpoint, delivering, deed, state):
    ada, bob = await mycel.human("Ada"), await mycel.human("Bob")
    agent = await delivering(events=["relationships"])
    endpoint.script = [{"deeds": [deed, {"do": "say", "user": ada.id, "text": "Bob was here."}]}]
    await bob.requests(agent, "It is me")
    await ada.hears("Bob was here.", within=PATIENCE)

    assert await bob.relationship_with(agent) == state
    asked = endpoint.requests[0].content
    assert asked["type"] == "relationship"
    assert asked["relationship"]["is_open"]
    assert asked["relationship"]["message"] == "It is me"
    assert not await agent.dead_letters()


async def test_other_events_are_delivered_as_well(mycel, endpoint, delivering):
    ada = await mycel.human("Ada")
    agent = await delivering(events=["chats", "join_requests", "notifications"])
    kitchen = await mycel.group("Kitchen", ada, agent)
    endpoint.script = [{"deeds": [{"do": "say", "chat": kitchen.id, "text": "Hello, kitchen."}]}]
    await mycel.passes(minutes=1)
    await ada.hears("Hello, kitchen.", where=kitchen, within=PATIENCE)

    told = endpoint.requests[0].content
    assert (told["type"], told["event"], told["chat"]["title"]) == ("chat", "chat.joined", "Kitchen")


async def test_without_a_key_nothing_is_delivered_and_the_status_says_why(
    mycel, endpoint, delivering, key_file
):
    key_file.chmod(0o644)
    ada = await mycel.human("Ada")
    agent = await delivering()
    await ada.says("hello")
    await ada.hears_nothing(re.compile("."), within=PATIENCE)

    (failed,) = [fact for fact in agent.facts if isinstance(fact, PluginStartFailed)]
    assert "chmod 600" in failed.reason
    assert endpoint.requests == []
