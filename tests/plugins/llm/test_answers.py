"""What a model answers is said once, whole, and with what it was shown in view."""

from __future__ import annotations

import pytest

from mycel_runtime_plugins.llm import handlers
from mycel_runtime_plugins.llm.settings import Texts

pytestmark = pytest.mark.slow

TEXTS = Texts()

ONE = pytest.mark.parametrize("api", ["openai"])
"""Where it does not matter whose API is spoken."""


async def test_a_streamed_answer_is_said_once_and_the_next_turn_shows_it(mycel, endpoint, model):
    ada = await mycel.human("Ada")
    await model(system="Be kind.", answer_tokens=77, parameters={"temperature": 0.5})
    endpoint.will(endpoint.says("Hello", " Ada", "!"))

    await ada.says("hello")
    await ada.hears("Hello Ada!")
    await ada.says("again")
    await ada.hears("fine")
    await ada.hears_nothing()

    assert (endpoint.system, endpoint.texts) == ("Be kind.", ["hello", "Hello Ada!", "again"])
    body = endpoint.asked[-1].body
    assert (body["model"], body["max_tokens"], body["temperature"], body["stream"]) == ("m", 77, 0.5, True)
    assert "tools" not in body


async def test_a_key_is_sent_and_a_renewed_one_is_taken(mycel, endpoint, model, tmp_path):
    key = tmp_path / "key"
    key.touch(mode=0o600)
    key.write_text("first\n")
    ada = await mycel.human("Ada")
    await model(api_key_file=str(key))

    for word in ("first", "second"):
        key.write_text(word)
        await ada.says("hello")
        await ada.hears("fine")

    assert [each.headers["authorization"] for each in endpoint.asked] == ["Bearer first", "Bearer second"]


async def test_nothing_of_the_environment_is_sent_anywhere(mycel, endpoint, model, monkeypatch):
    """A key of somebody else's, or an address, that happens to be set where the daemon is started."""
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "OPENAI_ADMIN_KEY"):
        monkeypatch.setenv(name, "stray-secret")
    for name in ("OPENAI_BASE_URL", "ANTHROPIC_BASE_URL"):
        monkeypatch.setenv(name, "http://127.0.0.1:9/")
    ada = await mycel.human("Ada")
    await model()

    await ada.says("hello")
    await ada.hears("fine")

    assert "stray-secret" not in str(endpoint.asked[0].headers)


@ONE
async def test_names_and_notifications_are_told_apart_in_a_group(mycel, endpoint, model):
    ada, bob = await mycel.human("Ada"), await mycel.human("Bob")
    agent = await model()
    group = await mycel.group("Three", ada, bob, agent)

    await ada.says("hello", to=group)
    await bob.says("what do you think?", to=group, mentions=[agent])
    await bob.hears("fine", where=group)

    assert [text for text in endpoint.texts if not text.startswith("[A notification")] == [
        "Ada: hello",
        "Bob: what do you think?",
    ]
    assert len(endpoint.asked) == 1


@ONE
async def test_a_group_is_answered_as_the_settings_say(mycel, endpoint, model):
    ada, bob = await mycel.human("Ada"), await mycel.human("Bob")
    agent = await model(groups="all")
    group = await mycel.group("Three", ada, bob, agent)

    await ada.says("hello", to=group)

    await ada.hears("fine", where=group)


@ONE
async def test_who_speaks_while_the_model_thinks_is_answered_too_and_once(mycel, endpoint, model):
    ada = await mycel.human("Ada")
    await model()

    async def too_late(writer):
        await ada.says("and tea")
        await endpoint.says("only milk")(writer)

    endpoint.will(too_late)
    await ada.says("milk")

    await ada.hears("fine")
    await ada.hears_nothing()
    assert [each.body["messages"][-1]["content"] for each in endpoint.asked] == ["milk", "and tea"]
    assert endpoint.texts == ["milk", "and tea"]


@ONE
@pytest.mark.parametrize("point", ["after send", "before finish"])
async def test_killed_after_its_answer_it_asks_nobody_again(mycel, endpoint, model, point):
    ada = await mycel.human("Ada")
    agent = await model()
    agent.die_at(point)

    await ada.says("hello")

    await ada.hears("fine")
    await ada.hears_nothing()
    await mycel.settles()
    assert len(endpoint.asked) == 1


@ONE
async def test_a_long_answer_is_said_in_numbered_parts(mycel, endpoint, model):
    ada = await mycel.human("Ada")
    await model(piece_characters=100)
    long = " ".join(f"word{number}" for number in range(30))
    endpoint.will(endpoint.says(long))

    await ada.says("hello")

    parts = [(await ada.hears(lambda m, n=n: m.content.endswith(f"\n({n}/3)"))).content for n in (1, 2, 3)]
    assert " ".join(part.rpartition("\n")[0] for part in parts) == long
    await ada.says("more")
    await ada.hears("fine")
    assert "(1/3)" not in "".join(endpoint.texts)


@ONE
async def test_an_answer_that_is_broken_off_between_its_parts_is_gone_on_with(mycel, endpoint, model):
    """Another run's answer is another one: its second part is none of the first one's."""
    ada = await mycel.human("Ada")
    agent = await model(piece_characters=100)
    endpoint.will(endpoint.says("a" * 60, " ", "b" * 60), endpoint.says("the rest"))
    agent.die_at("after send")

    await ada.says("hello")

    await ada.hears("a" * 60 + "\n(1/2)")
    await ada.hears("the rest")
    await ada.hears_nothing()
    assert endpoint.texts[:2] == ["hello", "a" * 60]
    assert "interrupted" in endpoint.texts[2]


async def test_an_answer_that_reached_its_greatest_length_says_so(mycel, endpoint, model):
    ada = await mycel.human("Ada")
    await model()
    endpoint.will(endpoint.says("half an", stop="length"))

    await ada.says("hello")

    await ada.hears(f"half an\n\n{TEXTS.cut}")


@ONE
async def test_silence_is_an_answer_if_the_settings_say_so(mycel, endpoint, model):
    ada = await mycel.human("Ada")
    await model(blank="silent")
    endpoint.will(endpoint.says())

    await ada.says("hello")

    await ada.hears_nothing()


@ONE
async def test_what_the_model_thinks_aloud_is_not_said(mycel, endpoint, model):
    ada = await mycel.human("Ada")
    await model()
    endpoint.will(endpoint.says("<think>I must not", " say this</think>\n\nHello."))

    await ada.says("hello")

    await ada.hears("Hello.")


@ONE
async def test_what_no_server_stores_is_left_out(mycel, endpoint, model):
    ada = await mycel.human("Ada")
    await model()
    endpoint.will(endpoint.says("a\0b\ud83d"))

    await ada.says("hello")

    await ada.hears("ab?")


@ONE
async def test_only_the_newest_that_fit_are_shown(mycel, endpoint, model):
    ada = await mycel.human("Ada")
    await model(history_tokens=100)

    for text in ("first", "x" * 200, "last " * 10):
        await ada.says(text)
        await ada.hears("fine")

    assert endpoint.texts == ["x" * 200, "fine", ("last " * 10).strip()] or endpoint.texts[-1].startswith(
        "last"
    )
    assert "first" not in endpoint.texts


@ONE
async def test_a_hook_finds_out_what_cannot_work(mycel, endpoint, model, monkeypatch):
    async def broken(api):
        raise handlers.ModelError(handlers.Kind.MISCONFIGURED, "broken")

    monkeypatch.setattr(handlers, "load_library", broken)
    ada = await mycel.human("Ada")
    agent = await model()

    await ada.says("hello")
    await ada.hears_nothing()

    assert "misconfigured: broken" in str([fact for fact in agent.facts if fact.name.startswith("plugin.")])
