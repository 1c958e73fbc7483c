"""Each way in which an endpoint can fail has one outcome: for the person, for the operator, and for what it costs."""

from __future__ import annotations

import asyncio

import pytest

from mycel_runtime_plugins.llm.settings import Texts

pytestmark = pytest.mark.slow

TEXTS = Texts()


ONE = pytest.mark.parametrize("api", ["openai"])
"""Where it does not matter whose API is spoken."""


async def reasons(agent, mycel):
    await mycel.settles()
    return [letter.reason for letter in await agent.dead_letters()]


def postponed(agent):
    return [fact for fact in agent.facts if fact.name == "delivery.postponed"]


async def test_what_passes_by_is_tried_again_and_nothing_of_it_is_said(mycel, endpoint, model):
    """One message, and each kind of trouble in its way."""
    ada = await mycel.human("Ada")
    agent = await model({"dispatch": {"max_attempts": 20}})
    endpoint.will(
        endpoint.refuses(500),
        endpoint.refuses(503, retry_after="30"),
        endpoint.refuses(429),
        endpoint.refuses(429, retry_after="120"),
        endpoint.is_cut("half an"),
        endpoint.says("half an", stop=None),
        endpoint.breaks("half an", code="overloaded_error"),
        endpoint.breaks("half an", code="rate_limit_error"),
    )

    await ada.says("hello")

    await ada.hears("fine", within=60)
    await ada.hears_nothing()
    assert "half an" not in await ada.transcript()
    facts = postponed(agent)
    assert [fact.reason.removeprefix("Retry: ").partition(" (")[0] for fact in facts] == [
        "unavailable: the endpoint is broken",
        "unavailable: the endpoint is broken",
        "limited: too many requests",
        "limited: too many requests",
        "unavailable: no answer from the endpoint",
        f"unavailable: the answer was cut: it ends without a {STOP_KEYS[endpoint.api]}",
        "unavailable: the endpoint is broken",
        "limited: too many requests",
    ]
    assert (facts[1].retry_in, facts[3].retry_in) == (pytest.approx(30), pytest.approx(120))
    assert len(endpoint.asked) == len(facts) + 1


async def test_an_answer_that_stalls_is_broken_off(mycel, endpoint, model):
    ada = await mycel.human("Ada")
    agent = await model(stall_timeout=0.5)
    endpoint.will(endpoint.stalls("half an"))

    await ada.says("hello")

    await ada.hears("fine", within=60)
    await ada.hears_nothing()
    assert postponed(agent)[0].reason.startswith("Retry: unavailable: no answer from the endpoint (")


STOP_KEYS = {"openai": "finish_reason", "anthropic": "stop_reason"}

NONSENSE = {
    "blank": lambda endpoint: endpoint.says(),
    "stop reason": lambda endpoint: endpoint.says("half an", stop="odd"),
    "tool unasked": lambda endpoint: endpoint.says("half an", stop="tools", calls=[("shell", "{}")]),
    "no tool named": lambda endpoint: endpoint.says("half an", stop="tools"),
    "page": lambda endpoint: endpoint.sends("<html>hello</html>", "text/html"),
    "events": lambda endpoint: endpoint.sends('event: x\ndata: ["odd"]\n\nevent: x\ndata: 5\n\n'),
    "json": lambda endpoint: endpoint.sends("event: x\ndata: {nonsense\n\n"),
}


async def test_nonsense_is_not_said_and_asked_for_once_more(mycel, endpoint, model):
    ada = await mycel.human("Ada")
    agent = await model()

    for name, act in NONSENSE.items():
        endpoint.will(act(endpoint))
        await ada.says(name)
        await ada.hears("fine")

    await ada.hears_nothing()
    assert "half an" not in await ada.transcript()
    assert len(endpoint.asked) == 2 * len(NONSENSE)
    assert await reasons(agent, mycel) == []


@ONE
async def test_who_would_wait_too_long_is_told_at_once(mycel, endpoint, model):
    ada = await mycel.human("Ada")
    agent = await model()
    endpoint.will(endpoint.refuses(429, retry_after="7200"))

    await ada.says("hello")

    await ada.hears(TEXTS.limited)
    await ada.hears_nothing()
    assert len(endpoint.asked) == 1
    assert await reasons(agent, mycel) == ["Reject: limited: too many requests (HTTP 429 some_error)"]


@ONE
@pytest.mark.parametrize(
    ("refusal", "text", "reason"),
    [
        ((401,), TEXTS.misconfigured, "misconfigured: the endpoint refuses the key (HTTP 401 some_error)"),
        ((404,), TEXTS.misconfigured, "misconfigured: no such model or address (HTTP 404 some_error)"),
        (
            (400,),
            TEXTS.misconfigured,
            "misconfigured: the endpoint refuses the request (HTTP 400 some_error)",
        ),
        (
            (429, "insufficient_quota"),
            TEXTS.misconfigured,
            "misconfigured: the account has no credit (HTTP 429 insufficient_quota)",
        ),
        ((400, "content_filter"), TEXTS.refused, "refused: a filter of the endpoint refuses it"),
    ],
)
async def test_what_only_the_operator_can_mend_is_given_up_at_once(
    mycel, endpoint, model, refusal, text, reason, capsys
):
    """And the vendor's words, which may quote the chat, are nowhere."""
    ada = await mycel.human("Ada")
    agent = await model(api_key_env="LLM_TEST_KEY") if refusal == (401,) else await model()
    status, *code = refusal
    endpoint.will(endpoint.refuses(status, *(code or ["some_error"]), "quotes my-secret-words"))

    await ada.says("my-secret-words")

    await ada.hears(text)
    await ada.hears_nothing()
    assert len(endpoint.asked) == 1
    (letter,) = await reasons(agent, mycel)
    assert letter.startswith(f"Reject: {reason}")
    assert "secret" not in letter + str(agent.facts) + "".join(capsys.readouterr())


@pytest.fixture(autouse=True)
def key(monkeypatch):
    monkeypatch.setenv("LLM_TEST_KEY", "sk-secret")


async def test_a_filtered_answer_is_refused_however_far_it_came(mycel, endpoint, model):
    ada = await mycel.human("Ada")
    await model()
    endpoint.will(endpoint.says("here is how", stop="filtered"))

    await ada.says("hello")

    await ada.hears(TEXTS.refused)
    await ada.hears_nothing()


@ONE
async def test_nonsense_is_asked_for_twice_and_no_more(mycel, endpoint, model):
    ada = await mycel.human("Ada")
    agent = await model()
    endpoint.otherwise = endpoint.says()

    await ada.says("hello")

    await ada.hears(TEXTS.odd)
    await ada.hears_nothing()
    assert len(endpoint.asked) == 2
    assert await reasons(agent, mycel) == ["Reject: odd: the answer is blank"]


@ONE
async def test_an_answer_that_reached_its_greatest_length_may_be_none(mycel, endpoint, model):
    ada = await mycel.human("Ada")
    await model(length="fail")
    endpoint.otherwise = endpoint.says("half an", stop="length")

    await ada.says("hello")

    await ada.hears(TEXTS.odd)


async def test_a_prompt_that_is_too_long_is_halved_once(mycel, endpoint, model):
    ada = await mycel.human("Ada")
    agent = await model(history_tokens=200)
    too_long = endpoint.refuses(400, "context_length_exceeded", "maximum context length is 100 tokens")
    await ada.says("x" * 300)
    await ada.hears("fine")
    endpoint.will(too_long)

    await ada.says("y" * 200)
    await ada.hears("fine")

    assert [len(each.body["messages"]) for each in endpoint.asked[1:]] == (
        [4, 2] if endpoint.api == "openai" else [3, 1]
    )
    endpoint.will(too_long, too_long)
    await ada.says("z")
    await ada.hears(TEXTS.too_long)
    assert (await reasons(agent, mycel))[0].startswith("Reject: too_long: the endpoint cannot read so much")


@ONE
async def test_an_endpoint_that_stays_away_is_given_up_in_the_end(mycel, endpoint, model):
    ada = await mycel.human("Ada")
    agent = await model({"dispatch": {"max_attempts": 3}})
    endpoint.otherwise = endpoint.refuses(502)

    await ada.says("hello")

    await ada.hears(TEXTS.unavailable)
    assert len(endpoint.asked) == 3
    assert await reasons(agent, mycel) == ["Retry: unavailable: the endpoint is broken (HTTP 502 some_error)"]


@ONE
async def test_nobody_there_is_an_outage(mycel, endpoint, model):
    ada = await mycel.human("Ada")
    agent = await model({"dispatch": {"max_attempts": 1}}, base_url="http://127.0.0.1:9/v1")

    await ada.says("hello")

    await ada.hears(TEXTS.unavailable)
    (letter,) = await reasons(agent, mycel)
    assert letter.startswith("Retry: unavailable: no answer from the endpoint")


@ONE
async def test_whoever_drips_for_ever_is_cut_off(mycel, endpoint, model):
    """Each byte is a sign of life, so that only the request's own time ends it."""
    ada = await mycel.human("Ada")
    await model(timeout=1.0)

    async def drip(writer):
        await endpoint.sends("")(writer)
        while not endpoint._ended.is_set() and not writer.is_closing():
            writer.write(b": still here\n\n")
            await writer.drain()
            await asyncio.sleep(0.05)

    endpoint.will(drip)
    await ada.says("hello")

    await ada.hears("fine", within=60)


async def test_a_stop_in_the_middle_leaves_nothing_open(mycel, endpoint, model):
    ada = await mycel.human("Ada")
    agent = await model()
    endpoint.will(endpoint.stalls("half an"))
    await ada.says("hello")
    async with asyncio.timeout(10):
        await endpoint.is_asked.wait()

    await agent.kill()
    await agent.start()

    await ada.hears("fine")
    await ada.hears_nothing()


@ONE
async def test_a_text_that_is_empty_is_not_said(mycel, endpoint, model):
    ada = await mycel.human("Ada")
    agent = await model(texts={"refused": ""})
    endpoint.will(endpoint.says("here is how", stop="filtered"))

    await ada.says("hello")

    await ada.hears_nothing()
    assert len(await reasons(agent, mycel)) == 1
