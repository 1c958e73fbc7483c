"""Skips a backlog and tells each chat once that is durable: `python -m tests.integration.journal.skipper FOLDER`."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from mycel_runtime.journal.backlog import ReadSpan
from mycel_runtime.journal.sqlite.journal import SqliteJournal
from tests.engines.store_clock import StoreClock, at
from tests.integration.journal.samples import ME


async def main(folder):
    journal = SqliteJournal(folder, clock=StoreClock())
    journal.open()
    skip_id = None
    for chat in await journal.backlog(ME, chat_id=None, after=0, limit=10_000):
        read = ReadSpan(
            handled_seq=chat.handled_seq, wanted_seq=5, after_seq=1, through_seq=5, newest_seq=5, messages=4
        )
        skipped = await at(journal, 1.0).skip(
            ME, chat.delivery_id, reason="skipped", read=read, skip_id=skip_id
        )
        skip_id = skip_id or skipped.dead_letter_id
        print(chat.chat_id, flush=True)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
