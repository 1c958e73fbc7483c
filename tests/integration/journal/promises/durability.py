"""What is there after a loss of power: what has returned, where that is promised, and all before it."""

from __future__ import annotations

from mycel_runtime.journal.batch import Batch
from mycel_runtime.journal.changes import Changes, EndOutcome, ItemChange
from mycel_runtime.journal.cursor import CursorMove
from mycel_runtime.journal.intent import IntentState
from mycel_runtime.journal.pause import PauseKind
from tests.engines.listening import append
from tests.engines.store_clock import at
from tests.integration.journal.samples import (
    ME,
    arrivals,
    chat_work,
    checkpoint,
    claim,
    claim_any,
    claim_one,
    entry,
    event_work,
    finish,
    intent,
    want,
)


class DurabilityConformance:
    async def test_an_intent_is_durable_and_so_is_all_that_led_to_it(self, journal, unplugged):
        heard = Batch(
            identity=ME, arrivals=arrivals(entry(1)), hints=(chat_work(5),), checkpoint=checkpoint(1)
        )
        await append(journal, heard)
        delivery = await claim_one(journal)
        await journal.anchor(ME, delivery.lane, handled_seq=3)
        await journal.intend(delivery, intent(delivery))

        heir = await unplugged()
        assert await heir.checkpoint(ME) == checkpoint(1)
        assert await claim(heir) == []
        await heir.recover(ME)
        (found,) = await claim_any(heir)
        assert (found.handled_seq, found.wanted_seq, found.intents) == (3, 5, (intent(delivery),))

    async def test_the_end_of_a_delivery_is_durable_with_the_next_intent(self, journal, unplugged):
        """Together with its record, and with what its plugin remembers."""
        await want(journal, 5)
        await want(journal, 7, chat="d")
        first, second = await claim(journal)
        await journal.intend(first, intent(first))
        sent = intent(first, state=IntentState.SENT, message_id="m6", message_seq=6)
        journal.record(sent)
        changed = ItemChange(chat_id=None, key="k", value="1", made_from=None)
        end = await journal.finish(first, CursorMove(handled_seq=6), changes=Changes(items=(changed,)))
        assert end.outcome is EndOutcome.DONE
        await journal.intend(second, intent(second))

        heir = await unplugged()
        assert await heir.message_ids(ME, chat_id="c", after_seq=0) == {"m6"}
        assert (await heir.items(ME, "p", chat_id=None))["k"].value == "1"
        await heir.recover(ME)
        assert [each.chat_id for each in await claim_any(heir)] == ["d"]

    async def test_of_ends_that_no_intent_followed_none_stands_without_those_before_it(
        self, journal, unplugged
    ):
        """Each remembers its number; a later one that stands alone would be the wrong order."""
        await want(journal, 1)
        for number in range(1, 9):
            delivery = await claim_one(journal)
            change = ItemChange(chat_id=None, key=f"{number}", value=f"{number}", made_from=None)
            move = CursorMove(handled_seq=number, wanted_seq=number + 1)
            await journal.finish(delivery, move, changes=Changes(items=(change,)))

        heir = await unplugged()
        kept = sorted(map(int, await heir.items(ME, "p", chat_id=None)))
        assert kept == list(range(1, len(kept) + 1))
        await heir.recover(ME)
        handled = [each.handled_seq for each in await claim_any(heir)]
        assert handled == ([len(kept)] if kept else handled)

    async def test_event_work_is_durable_when_it_is_appended(self, journal, unplugged):
        """The server hands out each only once."""
        arrived = arrivals(entry(1), events=[event_work()])
        await append(journal, Batch(identity=ME, arrivals=arrived, checkpoint=checkpoint(1)))

        heir = await unplugged()
        assert await heir.checkpoint(ME) == checkpoint(1)
        assert (await claim_one(heir)).entry == entry(1)

    async def test_what_the_operator_does_is_durable(self, journal, unplugged):
        await want(journal, 5)
        (delivery,) = await claim(journal)
        assert await finish(journal, delivery, 5)
        await at(journal, 1.0).pause(ME, PauseKind.CHAT, "c")
        await at(journal, 2.0).hold(ME, "d", reason="r")

        heir = await unplugged()
        assert [(each.kind, each.name) for each in await heir.pauses(ME)] == [(PauseKind.CHAT, "c")]
        assert [each.chat_id for each in await heir.holds(ME)] == ["d"]
        assert await claim(heir) == []

    async def test_a_lease_is_above_all_that_were_given_before_the_power_failed(self, journal, unplugged):
        given = await journal.lease(ME)

        assert (await (await unplugged()).lease(ME)).token > given.token
