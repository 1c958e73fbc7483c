"""What keeps a journal, before anybody has it open and beside whoever has."""

from __future__ import annotations

import asyncio

import pytest

from mycel_runtime.errors import IdentityHeldError, JournalError, JournalFileError
from mycel_runtime.journal.batch import Batch
from tests.engines.listening import append
from tests.integration.journal.samples import ME, checkpoint, claim_one, want


class EngineConformance:
    """
    Promises of `JournalEngine`.

    An engine's test module provides a fixture `engine`, whose journal was never made, on the clock of the machine.
    """

    async def test_of_a_journal_that_was_never_made_nothing_is_told_and_none_is_made_by_looking(self, engine):
        def look():
            reader = engine.reader
            assert engine.inspect() is None
            assert list(reader.identities()) == []
            lists = (reader.dead_letters, reader.unresolved, reader.stores, reader.all_items, reader.timers)
            assert [row for each in lists for row in each(ME)] == []
            assert list(reader.work(ME, limit=9)) == []
            assert not reader.own_sends(ME, chat_id="c").message_ids
            with pytest.raises(JournalFileError, match="no journal"):
                reader.turn_log(ME)
            with pytest.raises(JournalError):
                reader.summary(ME)
            return engine.exists()

        assert not await asyncio.to_thread(look)
        assert engine.where

    async def test_one_that_was_made_is_there_holds_nothing_and_is_opened(self, engine):
        await asyncio.to_thread(engine.make)
        await asyncio.to_thread(engine.make)
        assert await asyncio.to_thread(engine.exists)
        assert list(await asyncio.to_thread(engine.reader.identities)) == []

        async with engine.opened() as journal:
            await want(journal, 1)
            assert (await claim_one(journal)).wanted_seq == 1

    async def test_it_is_one_processes_until_the_block_ends_whatever_ends_it(self, engine):
        async def fail():
            async with engine.opened():
                with pytest.raises(IdentityHeldError):
                    await engine.opened().__aenter__()
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await fail()
        async with engine.opened() as journal:
            assert await journal.checkpoint(ME) is None

    async def test_who_looks_keeps_nobody_from_opening_it_and_is_kept_out_by_nobody(self, engine):
        async with engine.opened() as journal:
            await append(journal, Batch(identity=ME, checkpoint=checkpoint(7)))
            beside = await asyncio.to_thread(engine.inspect)
            assert list(await asyncio.to_thread(engine.reader.identities)) == [ME]
        alone = await asyncio.to_thread(engine.inspect)
        assert list(await asyncio.to_thread(engine.reader.identities)) == [ME]

        assert beside.version == alone.version == alone.newest_version > 0
        assert beside.was_read_through
        assert alone.was_read_through
        async with engine.opened() as journal:
            assert await journal.checkpoint(ME) == checkpoint(7)

    async def test_who_opens_it_is_told_of_commits_and_how_many_turns_are_kept_is_his_to_say(self, engine):
        committed = []
        async with engine.opened(
            on_commit=lambda seconds, operations: committed.append((seconds, operations)), kept_turns=0
        ) as journal:
            await append(journal, Batch(identity=ME, checkpoint=checkpoint(7)))

        assert committed
        assert all(seconds >= 0.0 and operations >= 1 for seconds, operations in committed)

    async def test_who_has_the_directory_without_the_journal_keeps_others_from_it(self, engine):
        async with engine.held():
            with pytest.raises(IdentityHeldError):
                await engine.opened().__aenter__()
        async with engine.opened():
            pass
