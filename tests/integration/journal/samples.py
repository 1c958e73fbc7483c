"""Frames, work and small verbs, so that a test names only what it is about."""

from __future__ import annotations

from typing import Final

from mycel_runtime.journal.batch import Arrival, Batch
from mycel_runtime.journal.changes import EndOutcome
from mycel_runtime.journal.checkpoint import Checkpoint
from mycel_runtime.journal.cursor import CursorMove
from mycel_runtime.journal.dead_letter import Letter
from mycel_runtime.journal.entry import Entry
from mycel_runtime.journal.ids import HandlerId, Lane
from mycel_runtime.journal.intent import Intent, IntentState
from mycel_runtime.journal.work import ChatWork, EventWork
from mycel_runtime.wire.ids import ChatId, UserId
from tests.engines.listening import append
from tests.engines.store_clock import at

ME: Final = UserId("me")
OTHER: Final = UserId("other")

GIVEN_UP: Final = Letter(reason="ValueError", trace="t")


def checkpoint(since_seq, *, identity=ME, epoch=1, server="http://backend"):
    return Checkpoint(identity=identity, server=server, epoch=epoch, since_seq=since_seq)


def entry(seq, *, identity=ME, epoch=1, fingerprint="f", ts=0.5):
    return Entry(
        identity=identity,
        epoch=epoch,
        seq=seq,
        kind="chat.message",
        fingerprint=fingerprint,
        ts=ts,
        raw=f'{{"seq":{seq}}}',
        received_at=1.0,
    )


def chat_work(wanted_seq, *, chat="c", handler="p.messages"):
    return ChatWork(
        handler=HandlerId(handler), lane=Lane(f"chat:{chat}"), chat_id=ChatId(chat), wanted_seq=wanted_seq
    )


def event_work(*, lane="inbox", handler="p.events", chat=None):
    return EventWork(handler=HandlerId(handler), lane=Lane(lane), chat_id=chat)


def arrivals(*entries, events=()):
    return tuple(Arrival(entry=each, events=tuple(events)) for each in entries)


def intent(delivery, ordinal=0, *, state=IntentState.INTENDED, **more):
    return Intent(
        **{
            "delivery_id": delivery.delivery_id,
            "turn": delivery.turn,
            "ordinal": ordinal,
            "identity": delivery.identity,
            "chat_id": delivery.chat_id,
            "base_seq": 1,
            "content_hash": "h",
            "state": state,
            "intended_at": 2.0,
        }
        | more
    )


async def want(journal, wanted_seq, *, now=None, identity=ME, **more):
    """Append a hint."""
    hint = chat_work(wanted_seq, **more)
    await at(journal, now).hint(identity, (hint,))


async def happen(journal, *seqs, now=None, identity=ME, **more):
    """Append an entry with event work for each number."""
    for seq in seqs:
        arrived = arrivals(entry(seq, identity=identity), events=[event_work(**more)])
        assert await append(at(journal, now), Batch(identity=identity, arrivals=arrived)) == 1


async def claim(journal, *, now=None, limit=100, identity=ME, **more):
    return list(await at(journal, now).claim(identity, limit=limit, **more))


async def claim_any(journal, *, now=None):
    """Whatever is due, be it a suspect."""
    suspect = await at(journal, now).claim_suspect(ME)
    return [*([suspect] if suspect else []), *await claim(journal, now=now)]


async def claim_one(journal, **more):
    """The only delivery that is due."""
    (delivery,) = await claim(journal, **more)
    return delivery


async def finish(journal, delivery, handled_seq=None, *, wanted_seq=None, now=None):
    move = CursorMove(handled_seq=handled_seq, wanted_seq=wanted_seq)
    return (await at(journal, now).finish(delivery, move)).outcome is EndOutcome.DONE


async def bury(journal, delivery, through_seq=None, *, now=None):
    end = await at(journal, now).bury(delivery, GIVEN_UP, CursorMove(handled_seq=through_seq))
    return end.outcome is EndOutcome.DONE


async def handle_through(journal, seq, *, now=None, **more):
    """Leave a chat's delivery idle with this cursor."""
    await want(journal, seq, now=now, **more)
    assert await finish(journal, await claim_one(journal, now=now), seq, now=now)


async def fill(journal, entries=400):
    numbered = (entry(seq, fingerprint="f" * 200) for seq in range(1, entries + 1))
    await append(journal, Batch(identity=ME, arrivals=arrivals(*numbered)))
