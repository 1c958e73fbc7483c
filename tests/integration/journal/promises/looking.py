"""Who only looks, while somebody has the journal open: as its verbs tell it, and without leaving a mark."""

from __future__ import annotations

import asyncio

import pytest

from mycel_runtime.journal.batch import Batch
from mycel_runtime.journal.changes import Changes, ItemChange, NewTimer
from mycel_runtime.journal.intent import IntentState
from tests.engines.listening import append
from tests.engines.store_clock import at
from tests.integration.journal.samples import (
    GIVEN_UP,
    ME,
    OTHER,
    bury,
    checkpoint,
    claim_one,
    happen,
    intent,
    want,
)


class LookingConformance:
    """Promises of `JournalReader`."""

    @pytest.fixture
    async def furnished(self, journal):
        """Something of everything that is looked at, of one identity."""
        await append(journal, Batch(identity=ME, checkpoint=checkpoint(1)))
        await happen(journal, 1, now=1.0)
        assert await bury(journal, await claim_one(journal), now=2.0)
        await want(journal, 3, now=3.0)
        delivery = await claim_one(journal)
        await journal.intend(delivery, intent(delivery))
        await journal.intend(delivery, intent(delivery, 1, content_hash="g"))
        sent = {"state": IntentState.SENT, "message_id": "m", "message_seq": 7}
        journal.record(intent(delivery, 1, content_hash="g", **sent))
        items = (
            ItemChange(chat_id=None, key="k", value="1", made_from=0),
            ItemChange(chat_id="c", key="k", value="22", made_from=0),
        )
        timer = NewTimer(name="t", key="", due_at=99.0, data="null", is_relative=False)
        await journal.plan(ME, "p", Changes(items=items, timers=(timer,)))
        assert await journal.hold(ME, "c", reason="r")
        await want(journal, 5, chat="d", now=4.0)
        return journal

    async def test_it_sees_what_the_journals_verbs_tell(self, furnished, reader):
        def looked():
            return {
                "dead_letters": list(reader.dead_letters(ME)),
                "unresolved": list(reader.unresolved(ME)),
                "stores": list(reader.stores(ME)),
                "all_items": list(reader.all_items(ME)),
                "timers": list(reader.timers(ME)),
                "work": list(reader.work(ME, limit=10)),
                "own_sends": reader.own_sends(ME, chat_id="c"),
            }

        told = {
            "dead_letters": list(await furnished.dead_letters(ME)),
            "unresolved": list(await furnished.unresolved(ME)),
            "stores": list(await furnished.stores(ME)),
            "all_items": list(await furnished.all_items(ME)),
            "timers": list(await furnished.timers(ME)),
            "work": list(await furnished.work(ME, limit=10)),
            "own_sends": await furnished.own_sends(ME, chat_id="c", after_seq=0),
        }
        assert all(told.values())
        assert [letter.reason for letter in told["dead_letters"]] == [GIVEN_UP.reason]
        assert told["own_sends"].message_ids == {"m"}
        assert await asyncio.to_thread(looked) == told

    async def test_a_status_is_told_as_the_journals_verbs_tell_it(self, furnished, reader):
        summary = await asyncio.to_thread(reader.summary, ME)

        assert summary.statistics == await furnished.statistics(ME)
        assert summary.longest[0] == await furnished.oldest_waiting(ME)
        assert [hold.chat_id for hold in summary.holds] == ["c"]
        assert [(each.plugin, each.name, each.due_at) for each in summary.timers] == [("p", "t", 99.0)]

    async def test_so_many_of_what_waits_are_told_and_all_that_runs(self, furnished, reader):
        await want(furnished, 1, chat="e", now=5.0)

        assert [each.state for each in await asyncio.to_thread(reader.work, ME, limit=1)] == [
            "running",
            "due",
        ]

    async def test_each_identitys_is_its_own(self, furnished, reader):
        await append(furnished, Batch(identity=OTHER, checkpoint=checkpoint(1, identity=OTHER)))

        def of_the_other():
            lists = (reader.dead_letters, reader.unresolved, reader.stores, reader.all_items, reader.timers)
            return [row for each in lists for row in each(OTHER)] + list(reader.work(OTHER, limit=9))

        assert sorted(await asyncio.to_thread(reader.identities)) == [ME, OTHER]
        assert await asyncio.to_thread(of_the_other) == []
        assert not (await asyncio.to_thread(reader.own_sends, OTHER, chat_id="c")).message_ids

    async def test_its_time_is_the_stores(self, journal, reader):
        at(journal, 7.0)

        assert await asyncio.to_thread(reader.now) <= 7.0
        assert await asyncio.to_thread(reader.now) > 6.0

    async def test_what_has_returned_is_seen_and_nothing_is_changed_by_looking(self, furnished, reader):
        before = await asyncio.to_thread(reader.work, ME, limit=10)
        again = await asyncio.to_thread(reader.work, ME, limit=10)
        assert before == again
        (due,) = [each for each in before if each.state == "due"]
        delivery = await claim_one(furnished)
        assert delivery.delivery_id == due.delivery_id

        after = await asyncio.to_thread(reader.work, ME, limit=10)
        assert {each.state for each in after} == {"running"}
