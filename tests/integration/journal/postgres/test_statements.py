"""The statements as the server takes them."""

from __future__ import annotations

import psycopg
import pytest

from mycel_runtime.journal import statements as embedded
from mycel_runtime.journal.postgres import statements
from mycel_runtime.journal.postgres.statements import statement


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


def test_each_statement_of_the_embedded_engine_has_its_like():
    """The verbs of both are the same ones; what is about a file, or about other processes, is one engine's."""
    of_a_file = {
        *("read_log_link", "follow_log", "begin_log", "name_log", "lease", "dead_letters_before_skips"),
        *("bury_restored", "doubt_restored", "forget_restored", "drop_restored_timers", "forget_lists"),
    }
    of_processes = {
        *("read_lease", "own_lease", "write_lease", "renew_lease", "release_lease", "release_leases"),
        *(
            "register_process",
            "beat",
            "other_processes",
            "end_process",
            "bury_process",
            "first_orphan",
            "mark_commit",
            "read_commits",
        ),
        *("used_bytes", "database_facts", "held_identities", "known_processes"),
    }

    assert statements.NAMES - of_processes == embedded.NAMES - of_a_file
