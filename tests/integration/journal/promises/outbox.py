"""What a handler is about to say, has said, or perhaps has said."""

from __future__ import annotations

from mycel_runtime.journal.intent import IntentState
from tests.integration.journal.samples import ME, claim_one, finish, intent, want


class OutboxConformance:
    async def test_intents_come_back_with_the_next_attempt_of_the_turn(self, journal):
        await want(journal, 5)
        delivery = await claim_one(journal)
        said = intent(delivery, 0, state=IntentState.SENT, message_id="m", message_seq=6)
        await journal.intend(delivery, intent(delivery, 1))
        await journal.intend(delivery, intent(delivery, 0))
        await journal.settle(said)
        await journal.postpone(delivery, after=0.0, spend=True)

        assert delivery.intents == ()
        assert (await claim_one(journal)).intents == (said, intent(delivery, 1))

    async def test_a_new_turn_has_no_intents(self, journal):
        await want(journal, 5)
        delivery = await claim_one(journal)
        await journal.intend(delivery, intent(delivery))
        await finish(journal, delivery, 5)
        await want(journal, 6)

        assert (await claim_one(journal)).intents == ()

    async def test_an_intent_replaces_the_one_of_its_ordinal(self, journal):
        await want(journal, 5)
        delivery = await claim_one(journal)
        await journal.intend(delivery, intent(delivery))
        await journal.settle(intent(delivery, state=IntentState.REFUSED))
        later = intent(delivery, base_seq=7, content_hash="other", intended_at=9.0)
        await journal.intend(delivery, later)
        await journal.postpone(delivery, after=0.0, spend=False)

        assert (await claim_one(journal)).intents == (later,)

    async def test_only_our_sends_above_a_number_are_known_as_ours(self, journal):
        await want(journal, 1)
        delivery = await claim_one(journal)
        for ordinal, seq in enumerate((6, 7, 8)):
            sent = {"state": IntentState.SENT, "message_id": f"m{seq}", "message_seq": seq}
            await journal.settle(intent(delivery, ordinal, **sent))
        await journal.intend(delivery, intent(delivery, 3))
        await journal.settle(intent(delivery, 4, state=IntentState.UNKNOWN))
        await journal.settle(
            intent(delivery, 5, state=IntentState.SENT, message_id="m9", message_seq=9, chat_id="d")
        )

        assert await journal.message_ids(ME, chat_id="c", after_seq=6) == {"m7", "m8"}
        assert await journal.message_ids(ME, chat_id="c", after_seq=8) == frozenset()
