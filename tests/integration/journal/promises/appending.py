"""What is appended: entries, their work, the checkpoint."""

from __future__ import annotations

import pytest

from mycel_runtime.journal.batch import Batch, Change
from mycel_runtime.journal.entry import Mark
from tests.engines.listening import append
from tests.engines.store_clock import at
from tests.integration.journal.samples import (
    ME,
    OTHER,
    arrivals,
    chat_work,
    checkpoint,
    claim,
    claim_one,
    entry,
    event_work,
    finish,
    want,
)


class AppendConformance:
    async def test_a_new_journal_knows_nothing(self, journal):
        assert await journal.checkpoint(ME) is None
        assert await journal.marks(ME, epoch=1, limit=10) == {}
        assert await claim(journal) == []
        assert await journal.next_due_at(ME, after=0.0) is None
        assert await journal.dead_letters(ME) == []

    async def test_entries_work_and_checkpoint_are_appended_together(self, journal):
        batch = Batch(
            identity=ME,
            arrivals=arrivals(entry(1), entry(2), events=[event_work()]),
            hints=(chat_work(7),),
            checkpoint=checkpoint(2),
        )

        assert await append(at(journal, 3.0), batch) == 2
        assert await journal.checkpoint(ME) == checkpoint(2)
        assert list(await journal.marks(ME, epoch=1, limit=10)) == [2, 1]
        assert (await journal.statistics(ME)).due == 3

    async def test_an_append_that_fails_leaves_neither_entry_nor_work_nor_checkpoint(self, journal):
        await append(journal, Batch(identity=ME, checkpoint=checkpoint(1)))
        broken = entry(3)._replace(raw=None)
        batch = Batch(
            identity=ME,
            arrivals=arrivals(entry(2), broken, events=[event_work()]),
            hints=(chat_work(7),),
            checkpoint=checkpoint(3),
        )

        with pytest.raises(Exception, match="raw"):
            await append(journal, batch)

        assert await journal.checkpoint(ME) == checkpoint(1)
        assert await journal.marks(ME, epoch=1, limit=10) == {}
        assert await claim(journal) == []

    async def test_a_checkpoint_is_replaced_even_by_a_lower_one(self, journal):
        """A restarted server counts from 1 again, in a new epoch."""
        await append(journal, Batch(identity=ME, checkpoint=checkpoint(9)))
        fresh = checkpoint(1, epoch=2, server="http://elsewhere")
        await append(journal, Batch(identity=ME, checkpoint=fresh))

        assert await journal.checkpoint(ME) == fresh

    async def test_a_replayed_number_is_left_alone_with_its_event_work(self, journal):
        first = Batch(identity=ME, arrivals=arrivals(entry(1, fingerprint="first"), events=[event_work()]))
        again = Batch(identity=ME, arrivals=arrivals(entry(1, fingerprint="again"), events=[event_work()]))
        await append(journal, first)

        assert await append(journal, again) == 0
        assert await journal.marks(ME, epoch=1, limit=10) == {1: Mark(fingerprint="first", ts=0.5)}
        assert (await claim_one(journal)).entry == entry(1, fingerprint="first")

    async def test_a_replayed_number_brings_no_handled_event_back(self, journal):
        batch = Batch(identity=ME, arrivals=arrivals(entry(1), events=[event_work()]))
        await append(journal, batch)
        await finish(journal, await claim_one(journal))

        assert await append(journal, batch) == 0
        assert await claim(journal) == []

    async def test_the_chat_work_of_a_replayed_number_counts(self, journal):
        await append(journal, Batch(identity=ME, arrivals=arrivals(entry(1))))
        again = Batch(identity=ME, arrivals=arrivals(entry(1)), hints=(chat_work(4),))

        assert await append(journal, again) == 0
        assert (await claim_one(journal)).wanted_seq == 4

    async def test_of_a_number_that_comes_twice_at_once_the_first_stays(self, journal):
        twice = [entry(1, fingerprint="first"), entry(None), entry(1, fingerprint="again"), entry(2)]

        assert await append(journal, Batch(identity=ME, arrivals=arrivals(*twice))) == 3
        assert (await journal.marks(ME, epoch=1, limit=10))[1].fingerprint == "first"

    async def test_a_number_may_come_again_in_another_epoch(self, journal):
        assert await append(journal, Batch(identity=ME, arrivals=arrivals(entry(1)))) == 1
        assert await append(journal, Batch(identity=ME, arrivals=arrivals(entry(1, epoch=2)))) == 1

    async def test_entries_without_a_number_are_always_new(self, journal):
        batch = Batch(identity=ME, arrivals=arrivals(entry(None), entry(None), events=[event_work()]))

        assert await append(journal, batch) == 2
        assert await append(journal, batch) == 2
        assert await journal.marks(ME, epoch=1, limit=10) == {}
        assert (await journal.statistics(ME)).due == 4

    async def test_marks_are_the_newest_of_the_epoch(self, journal):
        numbered = [entry(seq, fingerprint=f"f{seq}", ts=None) for seq in (3, 1, 2)]
        await append(journal, Batch(identity=ME, arrivals=arrivals(*numbered, entry(9, epoch=2))))

        assert await journal.marks(ME, epoch=1, limit=2) == {
            3: Mark(fingerprint="f3", ts=None),
            2: Mark(fingerprint="f2", ts=None),
        }

    async def test_the_hints_of_a_chat_are_one_delivery_at_the_highest_number(self, journal):
        hints = tuple(chat_work(wanted) for wanted in (5, 9, 4, 7))
        await journal.hint(ME, hints)
        await want(journal, 6)

        assert (await claim_one(journal)).wanted_seq == 9

    async def test_a_waiting_delivery_keeps_its_place_when_more_is_wanted(self, journal):
        await want(journal, 1, now=1.0)
        await want(journal, 2, now=2.0, chat="d")
        await want(journal, 3, now=3.0)

        assert [(each.chat_id, each.due_at) for each in await claim(journal, now=9.0)] == [
            ("c", 1.0),
            ("d", 2.0),
        ]

    async def test_each_handler_has_its_own_delivery_in_a_chat(self, journal):
        hints = (chat_work(3, handler="p.one"), chat_work(5, handler="p.two"))
        await journal.hint(ME, hints)
        first = await claim_one(journal)
        await finish(journal, first, 3)
        second = await claim_one(journal)

        assert {first.handler: first.wanted_seq, second.handler: second.wanted_seq} == {
            "p.one": 3,
            "p.two": 5,
        }

    async def test_changes_of_the_servers_lists_commit_with_the_events_that_tell_them(self, journal):
        joined = Change(kind="chat", key="c", state="member")
        await append(journal, Batch(identity=ME, arrivals=arrivals(entry(None)), changes=(joined,)))
        assert await journal.snapshot(ME) == {("chat", "c"): "member"}
        assert await journal.snapshot(OTHER) == {}
        assert await journal.noted(ME, kind="chat", key="c") == "member"
        assert await journal.noted(ME, kind="chat", key="d") is None
        assert await journal.noted(OTHER, kind="chat", key="c") is None

        left = Change(kind="chat", key="c", state=None)
        await append(at(journal, 1.0), Batch(identity=ME, changes=(left,)))

        assert await journal.snapshot(ME) == {}
