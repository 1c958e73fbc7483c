"""What is spent is counted once, whatever becomes of the run that has spent it, and said when it is all."""

from __future__ import annotations

import pytest

from mycel_runtime.testing import BareChat
from mycel_runtime_plugins.llm import handlers, spending
from mycel_runtime_plugins.llm.settings import Budget, Texts
from mycel_runtime_plugins.llm.spending import Purse, Spent, Uncounted, forget_before

TEXT = Texts().budget

DAY = "2026-11-29"


def purse(store, uncounted, *, chat_id="c", day=DAY, **budget):
    return Purse(store, chat_id, Budget(**budget or {"chat_requests": 2}), uncounted, day=day)


def spend(of, tokens=0):
    of.begin().cost(tokens)


def store_of(**spent):
    return BareChat("hello", store={f"spent:{chat}": each for chat, each in spent.items()}).ctx.store


def test_requests_and_tokens_are_limited_for_a_chat_and_for_all():
    store = store_of(
        c={"day": DAY, "requests": 2, "tokens": 50},
        d={"day": DAY, "requests": 3, "tokens": 60},
        e={"day": "2026-11-28", "requests": 90, "tokens": 900},
    )

    def is_empty(**budget):
        return purse(store, Uncounted(), **budget).is_empty

    assert [is_empty(chat_requests=2), is_empty(chat_requests=3)] == [True, False]
    assert [is_empty(chat_tokens=50), is_empty(chat_tokens=51)] == [True, False]
    assert [is_empty(all_requests=5), is_empty(all_requests=6)] == [True, False]
    assert [is_empty(all_tokens=110), is_empty(all_tokens=111)] == [True, False]


def test_a_run_that_leaves_nothing_in_the_store_is_counted_by_the_next():
    uncounted, failed = Uncounted(), store_of()
    spend(purse(failed, uncounted), 10)
    purse(failed, uncounted).count()

    after = store_of()
    spend(purse(after, uncounted), 10)
    assert purse(after, uncounted).is_empty
    purse(after, uncounted).count()

    assert (after["spent:c"]["requests"], after["spent:c"]["tokens"]) == (2, 20)


def test_what_the_store_counts_is_not_counted_again():
    uncounted, store = Uncounted(), store_of()
    spend(purse(store, uncounted), 10)
    purse(store, uncounted).count()
    purse(store, uncounted).count()

    assert not purse(store, uncounted).is_empty
    assert store["spent:c"]["tokens"] == 10


def test_two_processes_count_in_turns():
    one, other, store = Uncounted(), Uncounted(), store_of()
    for of in (one, other, one):
        spend(purse(store, of, chat_requests=9), 1)
        purse(store, of, chat_requests=9).count()

    assert store["spent:c"]["requests"] == 3


def test_a_new_day_begins_with_nothing():
    uncounted, store = Uncounted(), store_of(c={"day": DAY, "requests": 2, "is_told": True})
    spend(purse(store, uncounted))

    tomorrow = purse(store, uncounted, day="2026-11-30")

    assert not tomorrow.is_empty
    assert not tomorrow.is_told


def test_what_was_spent_on_earlier_days_is_forgotten():
    store = store_of(c={"day": DAY}, d={"day": "2026-11-28"})

    assert forget_before(store, DAY) == 1
    assert list(store) == ["spent:c"]


def test_without_a_budget_nothing_is_stored():
    uncounted, store = Uncounted(), store_of()
    spend(purse(store, uncounted, chat_requests=0))
    purse(store, uncounted, chat_requests=0).count()

    assert dict(store) == {}


@pytest.mark.slow
@pytest.mark.parametrize("api", ["openai"])
async def test_a_spent_budget_is_told_once_survives_a_restart_and_ends_with_the_day(
    mycel, endpoint, model, monkeypatch
):
    monkeypatch.setattr(handlers, "_UNCOUNTED", Uncounted())
    monkeypatch.setattr(spending, "today", lambda: DAY)
    ada, bob = await mycel.human("Ada"), await mycel.human("Bob")
    agent = await model(budget={"chat_tokens": 20})
    endpoint.will(endpoint.refuses(500), endpoint.says("first", tokens=(9, 9)))

    for text, heard in (("one", "first"), ("two", "fine"), ("three", TEXT)):
        await ada.says(text)
        await ada.hears(heard)
    await agent.restart()
    monkeypatch.setattr(handlers, "_UNCOUNTED", Uncounted())
    await ada.says("four")
    await ada.hears_nothing()
    await bob.says("hello")
    await bob.hears("fine")
    monkeypatch.setattr(spending, "today", lambda: "2026-11-30")
    await ada.says("five")
    await ada.hears("fine")

    assert len(endpoint.asked) == 5


def test_of_a_day_that_the_model_no_more_knows_nothing_is_left():
    """What an older version stored is read, or is as good as nothing."""
    assert Spent.model_validate({"day": DAY}).requests == 0
