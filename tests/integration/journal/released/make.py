"""
Writes `version-N.sqlite3.gz`, the journal of this checkout's schema with something of everything in it.

    python -m tests.integration.journal.released.make

To be run once, by the code of a release; what it writes is never written again.
"""

from __future__ import annotations

import asyncio
import gzip
import sqlite3
import tempfile
from pathlib import Path

from mycel_runtime.journal.batch import Batch, Change
from mycel_runtime.journal.changes import Changes, ItemChange, NewTimer
from mycel_runtime.journal.cursor import CursorMove
from mycel_runtime.journal.ids import DeliveryId
from mycel_runtime.journal.intent import IntentState
from mycel_runtime.journal.questions import NewQuestion
from mycel_runtime.journal.sqlite.journal import SqliteJournal
from mycel_runtime.journal.turns import MESSAGE_KIND, TurnRecord
from mycel_runtime.journal.utterance import Utterance
from tests.engines.listening import append
from tests.engines.store_clock import StoreClock, at
from tests.integration.journal.samples import (
    GIVEN_UP,
    ME,
    arrivals,
    checkpoint,
    claim_one,
    entry,
    happen,
    intent,
    want,
)

FOLDER = Path(__file__).parent


def utterance(chat, number):
    return Utterance(
        identity=ME,
        handler="p.messages",
        lane=f"chat:{chat}",
        chat_id=chat,
        delivery_id=DeliveryId(-number),
        turn=0,
        ordinal=0,
        content=f"words {number}",
        mentions=(),
        on_conflict="wait",
        made_at=3.0,
        known_seq=None,
    )


async def fill(journal):
    """A chat that is answered, and one that is given up with a parked send; an event, words and a question, due."""
    await journal.recover(ME)
    numbered = (entry(seq) for seq in (1, 2, 3))
    lists = (Change(kind="chat", key="", state="read"), Change(kind="chat", key="c", state="member"))
    await append(
        journal,
        Batch(identity=ME, arrivals=arrivals(*numbered), changes=lists, checkpoint=checkpoint(3)),
    )

    await want(journal, 5, chat="c")
    delivery = await claim_one(journal)
    await journal.settle(intent(delivery, state=IntentState.SENT, message_id="m6", message_seq=6, base_seq=5))
    timer = NewTimer(name="t", key="k", due_at=1e12, data="1", is_relative=False)
    changes = Changes(items=(ItemChange(chat_id=None, key="count", value="7", made_from=0),), timers=(timer,))
    record = TurnRecord(kind=MESSAGE_KIND, attempt=1, began_at=0.0, shown={"messages": [[5, "m5"]]})
    await at(journal, 1.0).finish(delivery, CursorMove(handled_seq=6), changes=changes, record=record)

    await want(journal, 2, chat="d")
    delivery = await claim_one(journal)
    await journal.settle(intent(delivery, state=IntentState.UNKNOWN))
    await at(journal, 2.0).bury(delivery, GIVEN_UP, CursorMove(handled_seq=2))
    await at(journal, 2.0).hold(ME, "d", reason="6 turns without a human")

    await happen(journal, 4)
    await at(journal, 3.0).utter(utterance("e", 1))
    question = NewQuestion(plugin="p", name="q", handler="p.answered", user_id=None, data="null", seconds=1e9)
    await at(journal, 3.0).utter(utterance("f", 2), question=question)


async def main():
    with tempfile.TemporaryDirectory() as name:
        journal = SqliteJournal(Path(name), clock=StoreClock())
        journal.open()
        await fill(journal)
        await journal.close()
        path = Path(name) / "journal.sqlite3"
        connection = sqlite3.connect(path)
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        connection.close()
        target = FOLDER / f"version-{version}.sqlite3.gz"
        target.write_bytes(gzip.compress(path.read_bytes(), mtime=0))
        print(target.name, target.stat().st_size)


if __name__ == "__main__":
    asyncio.run(main())
