"""
Every cell of `DELIVERY_TRANSITIONS`, walked on an engine through the port only.

A delivery's state shows in the counts of an identity that has no other delivery.
"""

from __future__ import annotations

from typing import Final

import pytest

from mycel_runtime.journal.delivery_state import DELIVERY_TRANSITIONS, DeliveryEvent, DeliveryState
from mycel_runtime.wire.ids import UserId
from tests.integration.journal.samples import bury, claim, claim_one, finish, happen, want


async def _state(journal, identity):
    counted = await journal.statistics(identity)
    if counted.running:
        return DeliveryState.RUNNING
    return DeliveryState.DUE if counted.due else DeliveryState.IDLE


async def _brought_to(journal, identity, state):
    """A chat delivery in this state, wanted and handled through 5, with its last claim."""
    await want(journal, 5, identity=identity)
    await finish(journal, await claim_one(journal, identity=identity), 5)
    await want(journal, 6, identity=identity)
    delivery = await claim_one(journal, identity=identity)
    if state is DeliveryState.IDLE:
        await finish(journal, delivery, 6)
    elif state is DeliveryState.DUE:
        await journal.postpone(delivery, after=0.0, spend=False)
    assert await _state(journal, identity) is state
    return delivery


async def _want_old(journal, delivery):
    await want(journal, 4, identity=delivery.identity)


async def _want_new(journal, delivery):
    await want(journal, 7, identity=delivery.identity)


async def _want_any(journal, delivery):
    await want(journal, None, identity=delivery.identity)


async def _claim(journal, delivery):
    return bool(await claim(journal, identity=delivery.identity))


async def _finish(journal, delivery):
    return await finish(journal, delivery, 6)


async def _finish_and_look_again(journal, delivery):
    return await finish(journal, delivery, 6, wanted_seq=9)


async def _postpone(journal, delivery):
    return await journal.postpone(delivery, after=0.0, spend=True)


async def _bury(journal, delivery):
    return await bury(journal, delivery, 6)


async def _bury_half(journal, delivery):
    """What came while it ran is not part of what is buried."""
    if await _state(journal, delivery.identity) is DeliveryState.RUNNING:
        await want(journal, 8, identity=delivery.identity)
    return await bury(journal, delivery, 6)


async def _recover(journal, delivery):
    await journal.recover(delivery.identity)


WAYS: Final = {
    DeliveryEvent.WANT: (_want_old, _want_new, _want_any),
    DeliveryEvent.CLAIM: (_claim,),
    DeliveryEvent.FINISH: (_finish, _finish_and_look_again),
    DeliveryEvent.POSTPONE: (_postpone,),
    DeliveryEvent.BURY: (_bury, _bury_half),
    DeliveryEvent.RECOVER: (_recover,),
}
"""All ways in which an event happens to a delivery; each answers whether the engine accepted it, if it says so."""


class TransitionConformance:
    """A delivery goes where the table allows, everywhere it allows, and nowhere else."""

    @pytest.mark.parametrize("event", DeliveryEvent)
    @pytest.mark.parametrize("state", DeliveryState)
    async def test_a_chat_delivery_goes_where_the_table_says(self, journal, state, event):
        reached = set()
        for way in WAYS[event]:
            delivery = await _brought_to(journal, UserId(way.__name__), state)
            is_accepted = await way(journal, delivery)

            assert is_accepted in {None, (state, event) in DELIVERY_TRANSITIONS}
            reached.add(await _state(journal, delivery.identity))
            letters = await journal.dead_letters(delivery.identity)
            assert bool(letters) is bool(is_accepted and event is DeliveryEvent.BURY)

        assert reached == DELIVERY_TRANSITIONS.get((state, event), {state})

    @pytest.mark.parametrize("event", [DeliveryEvent.FINISH, DeliveryEvent.BURY])
    async def test_an_event_delivery_is_gone_when_it_ends(self, journal, event):
        for way in WAYS[event]:
            identity = UserId(way.__name__)
            await happen(journal, 1, identity=identity)
            delivery = await claim_one(journal, identity=identity)

            assert await way(journal, delivery)
            assert not await way(journal, delivery)
            await journal.recover(identity)
            assert (await journal.statistics(identity)).due <= (way is _bury_half)

    async def test_the_table_names_every_event_somewhere(self):
        assert {event for _, event in DELIVERY_TRANSITIONS} == set(DeliveryEvent)
        assert set(WAYS) == set(DeliveryEvent)
