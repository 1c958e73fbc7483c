"""The PostgreSQL engine before its journal is open."""

from __future__ import annotations

import psycopg
import pytest

from mycel_runtime.daemon.upkeep.at_rest import pausable_journal
from mycel_runtime.errors import IdentityHeldError, WhoseJournalError
from mycel_runtime.journal.batch import Batch
from mycel_runtime.journal.pause import NOBODY, PauseKind
from mycel_runtime.journal.postgres.engine import PostgresEngine
from tests.integration.journal.promises.engine import EngineConformance
from tests.integration.journal.samples import ME, OTHER, checkpoint, claim_one, want


class TestPostgresEngine(EngineConformance):
    """Every promise of the port."""


@pytest.fixture
def engine(new_url, tmp_path):
    return PostgresEngine(new_url, tmp_path)


def test_it_has_no_files_and_tells_no_password(tmp_path):
    engine = PostgresEngine("postgresql://agent:not-for-anybody@db.example/journal", tmp_path)

    assert engine.files is None
    assert engine.where == "PostgreSQL db.example/journal"
    assert "not-for-anybody" not in repr(engine)


async def test_a_process_that_was_killed_in_a_container_that_is_gone_is_known_by_its_state_directory(
    engine, new_url
):
    """Its pid was another namespace's; its lock of the directory has ended with it."""
    async with engine.opened() as journal:
        await want(journal, 1)
        await claim_one(journal)
        await journal.abandon()
        with psycopg.connect(new_url, autocommit=True) as other:
            other.execute("UPDATE process SET namespace = 'gone', host = 'gone'")

    async with engine.opened() as journal:
        (suspect,) = await journal.recover(ME)
        assert suspect.lane == "chat:c"


async def test_processes_of_several_state_directories_have_it_open_and_one_at_a_time_has_the_lease(
    engine, new_url, tmp_path
):
    there = tmp_path / "there"
    there.mkdir()
    async with engine.opened() as journal, PostgresEngine(new_url, there).opened() as other:
        lease = await journal.lease(ME)
        with pytest.raises(IdentityHeldError, match=r"process \d+ on (.|\n)*30 seconds"):
            await other.lease(ME)
        await other.lease(OTHER)
        await journal.release(lease)

        assert (await other.lease(ME)).token > lease.token


async def test_what_another_hosts_process_had_claimed_waits_for_the_operators_word(engine, new_url, tmp_path):
    """Nobody here can tell: it may be frozen, or cut off, and go on to speak."""
    there = tmp_path / "there"
    there.mkdir()
    async with PostgresEngine(new_url, there).opened() as journal:
        await want(journal, 1)
        await claim_one(journal)
        await journal.abandon()
    with psycopg.connect(new_url, autocommit=True) as other:
        other.execute("UPDATE process SET machine_id = 'another', boot_id = 'another'")

        async with engine.opened() as journal:
            assert await journal.recover(ME) == []
            other.execute("DELETE FROM process WHERE boot_id = 'another'")
            assert len(await journal.recover(ME)) == 1


async def test_of_a_shared_database_an_agent_at_rest_looks_at_its_own_journal(engine, new_url, tmp_path):
    """Else the operator's `pause` of one agent would be everybody's."""
    there = tmp_path / "there"
    there.mkdir()
    other = PostgresEngine(new_url, there)
    for each, identity in ((engine, ME), (other, OTHER)):
        async with each.opened() as journal, journal.candidacy(identity):
            heard = Batch(identity=identity, checkpoint=checkpoint(1, identity=identity))
            await journal.append(heard, lease=await journal.lease(identity))

    assert (engine.reader.identities(), other.reader.identities()) == ([ME], [OTHER])
    nowhere = tmp_path / "nowhere"
    nowhere.mkdir()
    with pytest.raises(
        WhoseJournalError, match=r"several agents share this database.*\n  Set \[agent\] user_id"
    ):
        PostgresEngine(new_url, nowhere).reader.identities()
    assert PostgresEngine(new_url, nowhere, identity=OTHER).reader.identities() == [OTHER]


async def test_what_was_paused_before_an_agents_first_contact_is_no_other_agents(engine, new_url, tmp_path):
    """Neither of one that comes to work before it, nor of the only one that the database knows."""
    there = tmp_path / "there"
    there.mkdir()
    other = PostgresEngine(new_url, there)
    async with other.opened() as journal, journal.candidacy(OTHER):
        heard = Batch(identity=OTHER, checkpoint=checkpoint(1, identity=OTHER))
        await journal.append(heard, lease=await journal.lease(OTHER))
    async with pausable_journal(engine) as (journal, identities):
        assert [await journal.pause(me, PauseKind.AGENT, "") for me in identities] == [True]
        assert [await journal.pause(me, PauseKind.PLUGIN, "p") for me in identities] == [True]

    async with other.opened() as journal, journal.candidacy(OTHER):
        await journal.recover(OTHER)
        assert list(await journal.pauses(OTHER)) == []
        assert list(await journal.pauses(NOBODY)) == []
    async with pausable_journal(engine) as (journal, identities):
        assert [await journal.resume(me, PauseKind.PLUGIN, "p") for me in identities] == [True]
    async with engine.opened() as journal, journal.candidacy(ME):
        # Also while it stands by, for the one that is at work as it.
        assert [pause.kind for pause in await journal.pauses(ME)] == [PauseKind.AGENT]
        assert list(await journal.pauses(NOBODY)) == []
    assert engine.reader.pausable() == [ME]
