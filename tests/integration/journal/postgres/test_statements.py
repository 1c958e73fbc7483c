"""The statements as the server takes them."""

from __future__ import annotations

import psycopg
import pytest

from mycel_runtime.journal.batch import Batch
from mycel_runtime.journal.postgres import statements
from mycel_runtime.journal.postgres.connections import connected
from mycel_runtime.journal.postgres.statements import statement
from mycel_runtime.journal.sqlite.statements import QUERIES
from mycel_runtime.journal.verbs.statements import read
from tests.engines.listening import append
from tests.integration.journal.samples import ME, arrivals, chat_work, entry


@pytest.mark.parametrize("name", sorted(statements.NAMES))
async def test_the_server_understands_a_statement(name, journal, url):
    """With the types that its names have, none of them guessed."""
    found = statement(name)
    text = found.text
    for number, value in enumerate(found.types, start=1):
        text = text.replace(f"%({value})s", f"${number}")
    for number in range(1, len(found.columns) + 1):
        text = text.replace("%s", f"${number}", 1)
    with psycopg.connect(url) as connection:
        connection.execute(f"PREPARE asked AS {text.replace('%%', '%')}")


async def test_a_claim_looks_up_the_first_of_a_lane_whatever_the_database_believes_of_the_backlog(
    journal, url
):
    """A join would read the whole backlog for each row, in a database that has not counted it yet."""
    found = statement("select_due")
    values = found.named({"identity": ME, "now": 1e12, "limit": 8, "process": ""})
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET enable_seqscan = off")  # As `session.begin` does.
        for count in ("", "ANALYZE delivery"):
            connection.execute(count)
            plan = "\n".join(row[0] for row in connection.execute(f"EXPLAIN {found.text}", values).fetchall())

            assert "Scan using delivery_first on delivery f" in plan, plan
            assert "(f.due_at" not in plan, plan


async def test_what_is_heard_is_looked_up_by_its_number_whatever_the_database_believes_of_what_was(
    journal, url
):
    """A plan is kept from when there was nothing: of a hash of all that was heard each group would cost more."""
    found = statement("insert_entries")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET enable_seqscan = off; SET plan_cache_mode = force_generic_plan")
        rows = connection.execute(f"EXPLAIN {found.text}", found.arrays([entry(1)]), prepare=True).fetchall()
    plan = "\n".join(row[0] for row in rows)

    assert "hashed" not in plan, plan
    assert "using entry_by_seq on entry e" in plan, plan


@pytest.mark.parametrize("texts", [["a", 'b"c\\d', "", "NULL", "{,}"], ["a\0b", '"'], ["x", None], []])
async def test_an_array_holds_what_it_was_made_of(texts, url):
    found = statement("insert_item")
    rows = [(text, 1, "i", "p", "c", "k") for text in texts]
    (array, *_) = found.arrays(rows) if rows else ["{}"]
    with connected(url) as connection:
        told = connection.execute("SELECT unnest(%s::text[])", (array,)).fetchall()

    assert [row[0] for row in told] == texts


async def test_entries_are_numbered_behind_those_that_others_have_numbered(journal, url):
    """By a program that counts the newest one on, or by a move."""
    await append(journal, Batch(identity=ME, arrivals=arrivals(entry(1))))
    with psycopg.connect(url) as connection:
        connection.execute(
            "INSERT INTO entry SELECT (SELECT max(entry_id) FROM entry) + g, 'other', 1, g, 'k', 'f', 0, '{}', 0"
            " FROM generate_series(1, 40) AS g"
        )
    await append(journal, Batch(identity=ME, arrivals=arrivals(entry(1), entry(2))))

    assert (await journal.statistics(ME)).entries == 42


async def test_what_is_heard_of_a_chat_leaves_the_indexes_of_its_delivery_alone(journal, url):
    """Else they grow with each frame, and each costs a multiple."""
    chats = [f"c{number}" for number in range(50)]
    for seq in range(1, 12):
        await journal.hint(ME, [chat_work(seq, chat=chat) for chat in chats])
    with psycopg.connect(url) as connection:
        (pages,) = connection.execute("SELECT pg_relation_size('delivery') / 8192").fetchone()

    assert pages <= 8


def test_each_statement_of_the_embedded_engine_has_its_like():
    """The verbs of both are the same ones; what is about a file, or about other processes, is one engine's."""
    of_a_file = {
        *("read_log_link", "follow_log", "begin_log", "name_log", "lease", "dead_letters_before_skips"),
        *("bury_restored", "doubt_restored", "forget_restored", "drop_restored_timers", "forget_lists"),
        *("auto_vacuum", "page_count", "page_size", "freelist_count", "give_page_back"),
    }
    of_processes = {
        *("read_lease", "own_lease", "write_lease", "renew_lease", "release_lease", "release_leases"),
        *(
            "register_process",
            "beat",
            "lose_process",
            "forget_lost",
            "own_claim",
            "other_processes",
            "end_process",
            "bury_process",
            "first_orphan",
            "mark_commit",
            "read_commits",
        ),
        *("used_bytes", "database_facts", "held_identities", "known_processes"),
        *("read_moved", "write_moved", "coming", "forget_moved", "movable"),
        *("stand_by", "candidates", "leases"),
        "prune_turns_beside_others",
    }

    assert statements.NAMES - of_processes == QUERIES.keys() - of_a_file


def test_what_both_engines_read_alike_stands_once():
    own = [read(f"mycel_runtime.journal.{engine}", "sql/queries.sql")[1] for engine in ("sqlite", "postgres")]
    _, shared = read("mycel_runtime.journal.verbs", "queries.sql")

    assert not shared.keys() & (own[0].keys() | own[1].keys())
    assert [name for name in own[0] if words(own[0][name]) == words(own[1].get(name, ""))] == []


def words(text):
    """Of a statement, without what is said about it."""
    return [line.split() for line in text.splitlines() if not line.startswith("--")]
