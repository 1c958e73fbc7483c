"""What runs are given of what their plugins remember, and when the journal is asked for it."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from mycel_runtime import Plugin
from mycel_runtime.dispatch.plugin_states import KeptStores, PluginStates
from mycel_runtime.journal.changes import Changes, EndOutcome, Item, ItemChange, TurnEnd

ME = "me"


@dataclass
class Delivery:
    """As far as it matters here."""

    handler: str = "p.h"


class Journal:
    """Items in memory; counts what it is asked."""

    def __init__(self, **stores):
        self.stores = stores
        self.asked = []

    async def has_items(self, identity, plugin):
        self.asked.append("any")
        return any(self.stores.values())

    async def items(self, identity, plugin, *, chat_id):
        self.asked.append(chat_id)
        return dict(self.stores.get(chat_id or "own", {}))


def states(journal):
    plugin = Plugin("p")

    @plugin.on_timer("remind")
    def remind(ctx): ...

    return PluginStates(journal=journal, me=ME, handlers=plugin.handlers, clock=lambda: 5.0)


def change(key, value, *, chat_id=None, made_from=None):
    return ItemChange(chat_id=chat_id, key=key, value=value, made_from=made_from)


async def test_a_plugin_that_remembers_nothing_costs_one_question_in_all():
    journal = Journal()
    ours = states(journal)
    for chat_id in ("c", "d", None, "c"):
        given = await ours.given("p.h", chat_id)
        assert (given.items, given.chat_items, given.chat_id) == ({}, {}, chat_id)

    assert journal.asked == ["any"]


async def test_a_store_is_read_once_and_follows_every_commit():
    journal = Journal(own={"a": Item("1", 1)}, c={"b": Item("2", 2)})
    ours = states(journal)
    given = await ours.given("p.h", "c")
    changes = Changes(items=(change("a", "9"), change("b", None, chat_id="c"), change("n", "0")))
    ours.note_end(Delivery.handler, changes, TurnEnd(EndOutcome.DONE, (7, 0, 8)))

    assert given.items == {"a": Item("9", 7), "n": Item("0", 8)}
    assert given.chat_items == {}
    again = await ours.given("p.other", "c")
    assert (again.items, again.chat_items) == (given.items, given.chat_items)
    assert journal.asked == ["any", None, "c"]


async def test_what_a_plugin_remembers_first_is_given_from_then_on():
    journal = Journal()
    ours = states(journal)
    await ours.given("p.h", "c")
    journal.stores["c"] = {"a": Item("1", 1)}
    changes = Changes(items=(change("a", "1", chat_id="c"),))
    ours.note_end(Delivery.handler, changes, TurnEnd(EndOutcome.DONE, (1,)))

    assert (await ours.given("p.h", "c")).chat_items == {"a": Item("1", 1)}


async def test_what_was_refused_as_outdated_is_read_again():
    journal = Journal(own={"a": Item("1", 1)})
    ours = states(journal)
    await ours.given("p.h", None)
    journal.stores["own"] = {"a": Item("2", 2)}
    ours.note_end(Delivery.handler, Changes(items=(change("a", "3"),)), TurnEnd(EndOutcome.OUTDATED))

    assert (await ours.given("p.h", None)).items == {"a": Item("2", 2)}


async def test_a_lost_claim_changes_nothing_of_what_is_kept():
    ours = states(Journal(own={"a": Item("1", 1)}))
    given = await ours.given("p.h", None)
    ours.note_end(Delivery.handler, Changes(items=(change("a", "3"),)), TurnEnd(EndOutcome.LOST))

    assert given.items == {"a": Item("1", 1)}


async def test_a_run_is_given_the_names_of_its_plugins_timers_and_the_clock():
    ours = states(Journal())

    given = await ours.given("p.h", None)
    assert (given.timer_names, given.clock()) == ({"remind"}, 5.0)
    assert (await ours.given("other.h", None)).timer_names == frozenset()


@pytest.mark.parametrize(("most_bytes", "most_stores"), [(100, 1_000), (100_000, 10)])
def test_stores_that_were_not_used_for_longest_are_dropped(most_bytes, most_stores):
    kept = KeptStores(most_bytes=most_bytes, most_stores=most_stores)
    for number in range(20):
        kept.get("p", "c0")
        kept.keep("p", f"c{number}", {"k": Item("123456789", 1)})

    assert kept.get("p", "c0") is not None
    assert kept.get("p", "c19") is not None
    assert kept.get("p", "c5") is None
    assert sum(kept.get("p", f"c{number}") is not None for number in range(20)) == 10


def test_a_store_that_grows_makes_others_go():
    kept = KeptStores(most_bytes=100)
    kept.keep("p", "c", {})
    kept.keep("p", None, {"a": Item("x" * 90, 1)})
    kept.change("p", change("b", "x" * 20), 2)

    assert kept.get("p", "c") is None
    assert set(kept.get("p", None)) == {"a", "b"}
    kept.change("p", change("a", None), 0)
    kept.keep("p", "c", {})
    assert kept.get("p", None) is not None


def test_what_is_kept_already_is_newer_than_what_is_read():
    kept = KeptStores()
    known = kept.keep("p", None, {})
    kept.change("p", change("a", "1"), 1)

    assert kept.keep("p", None, {}) is known
    assert known == {"a": Item("1", 1)}
