"""`mycel-runtime engine`: the schema made and brought on, and a database looked at, as its operator does."""

from __future__ import annotations

import asyncio
import functools
import json
import os
import re
import socket
import time

import psycopg
import pytest
from click.testing import CliRunner

from mycel_runtime.cli.engine import engine
from mycel_runtime.errors import ConfigError, JournalAwayError, JournalFileError
from mycel_runtime.journal.batch import Batch
from mycel_runtime.journal.postgres import database, reader, schema
from mycel_runtime.journal.postgres.engine import PostgresEngine
from mycel_runtime.journal.postgres.journal import PostgresJournal
from mycel_runtime.journal.postgres.statements import MIGRATIONS
from mycel_runtime.settings import checked_database
from tests.engines.listening import append
from tests.engines.postgres_server import as_url
from tests.integration.journal.samples import ME, arrivals, checkpoint, claim_one, entry, want

SECRET = "not-for-anybody"

ADDITIVE = "CREATE TABLE added (identity TEXT PRIMARY KEY); ALTER TABLE delivery ADD COLUMN added BIGINT;"
BREAKING = "-- Serves programs from version {} on.\nALTER TABLE delivery DROP COLUMN last_error;"


@pytest.fixture
def address(new_url):
    return as_url(new_url)


@pytest.fixture
def limited(new_url):
    """The same database for a user who owns nothing; it is told his rights by who asks for it."""
    with psycopg.connect(new_url, autocommit=True) as connection:
        connection.execute(f"DROP ROLE IF EXISTS limited_{os.getpid()}")
        connection.execute(f"CREATE ROLE limited_{os.getpid()} LOGIN")
        yield as_url(new_url, user=f"limited_{os.getpid()}"), connection, f"limited_{os.getpid()}"
        connection.execute(f"DROP OWNED BY limited_{os.getpid()}")
        connection.execute(f"DROP ROLE limited_{os.getpid()}")


@pytest.fixture
def newer(monkeypatch):
    """Makes this program a newer one, that knows more steps; then it is the former one again."""

    def become(*steps):
        for module in (schema, reader, database):
            monkeypatch.setattr(module, "MIGRATIONS", [*MIGRATIONS, *steps])

    return become


def run(*arguments, code=0):
    result = CliRunner().invoke(engine, [str(argument) for argument in arguments], standalone_mode=False)
    found = result.return_value if result.exception is None else getattr(result.exception, "exit_code", 70)
    assert int(found or 0) == code, (result.output, result.exception)
    return result


def levels(result):
    return {each["name"]: each["level"] for each in json.loads(result.stdout)["findings"]}


def test_init_makes_the_schema_once_and_says_so(address, new_url):
    made = run("init", "--url", address).stdout
    assert made.endswith(f"the schema was made, version {len(MIGRATIONS)}\n")
    with psycopg.connect(new_url) as connection:
        assert connection.execute("SELECT to_regclass('mycel_lanes.applied_migration')").fetchone() != (None,)

    assert run("init", "--url", address).stdout.endswith(f"the schema is there, version {len(MIGRATIONS)}\n")
    assert run("migrate", "--url", address).stdout.endswith(
        f"the schema is there, version {len(MIGRATIONS)}\n"
    )


def test_migrate_does_not_make_what_was_never_made(address):
    refused = run("migrate", "--url", address, code=78)
    assert "Make it: mycel-runtime engine init" in str(refused.exception)


@pytest.mark.parametrize("command", ["init", "migrate", "check", "status"])
def test_somebody_elses_database_is_refused_unchanged(command, address, new_url):
    with psycopg.connect(new_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE accounts (id INTEGER)")
        refused = run(command, "--url", address, code=78)
        told = refused.stdout + str(refused.exception)
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
    assert "it is no journal of mycel-runtime" in told
    assert tables == [("accounts",)]


@pytest.mark.parametrize("command", ["init", "migrate", "check", "status"])
def test_a_password_in_the_url_is_refused_and_not_repeated(command):
    refused = run(command, "--url", f"postgresql://agent:{SECRET}@db.example/journal", code=78)

    assert isinstance(refused.exception, ConfigError)
    assert str(refused.exception).startswith("--url: must not include a password\n")
    assert "--password-file" in str(refused.exception)
    assert SECRET not in str(refused.exception) + refused.output


def test_the_agents_of_a_folder_that_share_a_database_are_one(address, tmp_path):
    for name in ("one", "two"):
        (tmp_path / f"{name}.toml").write_text(
            f'[agent]\nname = "{name}"\nbase_url = "embedded"\n[engine]\nurl = "{address}"\n[plugins.echo]\n'
        )
    assert len(run("init", "--config", tmp_path).stdout.splitlines()) == 1

    (tmp_path / "two.toml").unlink()
    (tmp_path / "one.toml").write_text('[agent]\nname = "one"\nbase_url = "embedded"\n[plugins.echo]\n')
    refused = run("init", "--config", tmp_path / "one.toml", code=78)
    assert "[engine] url: names no database" in str(refused.exception)


def test_check_finds_nothing_wrong_with_a_database_that_is_well(address):
    assert levels(run("check", "--url", address, "--json"))["database.schema"] == "warning"
    run("init", "--url", address)

    found = levels(run("check", "--url", address, "--json", "--processes", 3))
    assert set(found.values()) == {"ok"}
    assert sorted(found) == [
        "database",
        "database.clock",
        "database.connections",
        "database.durability",
        "database.pooling",
        "database.rights",
        "database.schema",
        "database.workers",
    ]
    shown = run("check", "--url", address, "--processes", 1_000).stdout
    assert "warning  database.connections" in shown
    assert ", of up to 6 each. Set" in shown
    assert "Set max_connections to " in shown


def test_check_of_one_that_cannot_be_reached_ends_as_run_would():
    told = run("check", "--url", "postgresql://agent@127.0.0.1:1/journal", code=JournalAwayError.exit_code)
    assert "error    database" in told.stdout


def test_rights_are_told_apart(limited):
    address, connection, user = limited
    assert levels(run("check", "--url", address, "--json", code=78))["database.rights"] == "error"
    refused = run("init", "--url", address, code=78)
    assert "there is no schema of mycel-runtime in this database, and this user may not make it" in str(
        refused.exception
    )
    assert "engine init" in str(refused.exception)

    run("init", "--url", as_url(connection.info.dsn, user="postgres"))
    nothing = run("check", "--url", address, "--json", code=78)
    assert levels(nothing) == {"database": "error"}
    assert "As their owner: GRANT " in nothing.stdout
    connection.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {user}")
    run("status", "--url", address)
    assert levels(run("check", "--url", address, "--json", code=78))["database.rights"] == "error"
    connection.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {user}")
    found = run("check", "--url", address, "--json")
    assert levels(found)["database.rights"] == "warning"
    assert levels(found)["database.workers"] == "warning"
    (connections,) = (
        each["text"]
        for each in json.loads(found.stdout)["findings"]
        if each["name"] == "database.connections"
    )
    assert ", of which 0 are in use" not in connections
    connection.execute("DROP SCHEMA mycel_lanes CASCADE")
    refused = run("init", "--url", address, code=78)
    assert "what workers need in it" in str(refused.exception)


def test_who_types_what_check_says_has_all_rights_that_agents_need(limited):
    address, connection, user = limited
    run("init", "--url", as_url(connection.info.dsn, user="postgres"))
    connection.execute("REVOKE USAGE ON SCHEMA public FROM PUBLIC")
    typed = []
    while wrong := [each["fix"] for each in findings_of(address) if "GRANT" in each["fix"]]:
        assert len(typed) < 10
        typed += [one for fix in wrong for one in re.findall(r"GRANT [^;]*", fix)]
        connection.execute(";".join(typed))
    connection.execute("GRANT USAGE ON SCHEMA public TO PUBLIC")

    assert {each["level"] for each in findings_of(address) if each["name"] != "database.rights"} == {"ok"}

    connection.execute(f"REVOKE UPDATE, DELETE ON lease, candidate FROM {user}")
    connection.execute(f"REVOKE USAGE ON SCHEMA mycel_lanes FROM {user}")
    (rights, workers) = [each for each in findings_of(address) if "GRANT" in each["fix"]]
    assert (
        rights["text"]
        == "this user lacks UPDATE on candidate, DELETE on candidate, UPDATE on lease and 1 more"
    )
    assert rights["fix"].endswith(
        f': GRANT UPDATE, DELETE ON TABLE "public"."candidate", "public"."lease" TO "{user}";'
    )
    assert workers["level"] == "warning"
    assert workers["fix"].endswith(f': GRANT USAGE ON SCHEMA "mycel_lanes" TO "{user}";')


def findings_of(address):
    arguments = ["check", "--url", address, "--json"]
    return json.loads(CliRunner().invoke(engine, arguments, standalone_mode=False).stdout)["findings"]


async def test_whoever_lacks_a_right_is_told_which_and_what_to_do(limited, tmp_path, caplog):
    """A new start would not help, so that the unit is to make none."""
    address, connection, user = limited
    await asyncio.to_thread(run, "init", "--url", as_url(connection.info.dsn, user="postgres"))
    connection.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {user}")
    with pytest.raises(
        JournalFileError, match=r"lacks a right: permission denied for table process\n.*grant"
    ):
        await PostgresEngine(address, tmp_path).opened().__aenter__()
    assert caplog.messages == []
    refused = await asyncio.to_thread(run, "migrate", "--url", address, code=78)
    assert "lacks a right: permission denied for schema mycel_lanes" in str(refused.exception)


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("postgresql://a@db.example.org/b?sslmod=require", 'invalid URI query parameter: "sslmod"'),
        ("postgresql://a@db.example.org:port/b", "is no address of a PostgreSQL database"),
        ("postgresql://a@[::1]5432/b", "is no address of a PostgreSQL database"),
        ("postgresql://a@db.example.org:65536/b", "has a port that there is not"),
        ("postgresql://a@db1:5432,db2:0/b", "has a port that there is not"),
        ("postgresql://a@db.example.org", "names no database"),
        ("mysql://a@db.example.org/b", "is no address of a PostgreSQL database"),
        ("host=db.example.org dbname=b", "is no address of a PostgreSQL database"),
    ],
)
def test_a_mistake_in_the_address_is_told_as_one(url, told, tmp_path):
    refused = run("check", "--url", url, code=78)
    assert str(refused.exception).startswith(f"--url: {told}\n  Write it as postgresql://USER@HOST")

    config = tmp_path / "a.toml"
    config.write_text(
        f'[agent]\nname = "a"\nbase_url = "embedded"\n[plugins.echo]\n[engine]\nurl = "{url}"\n'
    )
    refused = run("check", "--config", config, code=78)
    assert re.match(
        rf"{re.escape(str(config))}(, line 6)?: \[engine\] url: {re.escape(told)}\n  Write it as ",
        str(refused.exception),
    )


@pytest.mark.parametrize("hosts", ["db1,db2", "db1:5432,[::1]:5433", "", "%2Ftmp%2Fa", ":5432", "[fe80::1]"])
def test_every_way_to_name_hosts_is_taken(hosts):
    url = f"postgresql://a@{hosts}/b"
    assert checked_database(url) == url


async def test_whoever_has_it_open_goes_on_when_the_schema_becomes_newer_and_can_start_yet(
    address, open_journal_at, newer, monkeypatch
):
    journal = await open_journal_at(address)
    await want(journal, 1)
    newer(ADDITIVE)
    told = await asyncio.to_thread(run, "migrate", "--url", address)
    assert f"from version {len(MIGRATIONS)} to version {len(MIGRATIONS) + 1}" in told.stdout
    monkeypatch.undo()

    assert (await claim_one(journal)).lane == "chat:c"
    await append(journal, Batch(identity=ME, arrivals=arrivals(entry(1)), checkpoint=checkpoint(1)))
    await journal.close()

    again = await open_journal_at(address)
    assert [suspect.lane for suspect in await again.recover(ME)] == ["chat:c"]
    found = await asyncio.to_thread(run, "check", "--url", address, "--json")
    assert levels(found)["database.schema"] == "warning"
    assert "serves this one yet" in found.stdout


async def test_whoever_starts_on_a_newer_schema_is_told(address, new_url, tmp_path, newer, monkeypatch):
    told = []
    async with PostgresEngine(new_url, tmp_path).opened(on_newer=lambda *versions: told.append(versions)):
        pass
    assert told == []
    newer(ADDITIVE)
    await asyncio.to_thread(run, "migrate", "--url", address)
    monkeypatch.undo()

    async with PostgresEngine(new_url, tmp_path).opened(on_newer=lambda *versions: told.append(versions)):
        pass
    assert told == [(len(MIGRATIONS) + 1, len(MIGRATIONS))]


async def test_a_schema_that_serves_this_program_no_more_is_refused_by_all(
    address, open_journal_at, newer, monkeypatch
):
    run("init", "--url", address)
    newer(BREAKING.format(len(MIGRATIONS) + 1))
    await asyncio.to_thread(run, "migrate", "--url", address)
    monkeypatch.undo()

    with pytest.raises(JournalFileError, match="made by a newer"):
        await open_journal_at(address)
    for command in ("init", "migrate", "status"):
        refused = await asyncio.to_thread(run, command, "--url", address, code=78)
        assert "Upgrade mycel-runtime." in str(refused.exception)
    found = await asyncio.to_thread(run, "check", "--url", address, "--json", code=78)
    assert levels(found)["database.schema"] == "error"


async def test_migrate_gives_up_where_a_table_stays_locked(address, new_url, newer, monkeypatch):
    """Else whoever wants the table next would wait behind it for as long."""
    run("init", "--url", address)
    monkeypatch.setattr(schema, "LOCK_SECONDS", 0.1)
    newer(ADDITIVE)
    with psycopg.connect(new_url) as other:
        other.execute("SELECT count(*) FROM delivery")
        failed = await asyncio.to_thread(run, "migrate", "--url", address, code=70)
    assert "LockNotAvailable" in str(failed.exception)

    assert "to version" in (await asyncio.to_thread(run, "migrate", "--url", address)).stdout


async def test_status_tells_who_holds_what(address, open_journal_at):
    journal = await open_journal_at(address)
    await want(journal, 1)
    await claim_one(journal)
    await journal.lease(ME)

    told = json.loads((await asyncio.to_thread(run, "status", "--url", address, "--json")).stdout)
    assert told["schema"] == 1
    assert told["version"] == told["newest_version"] == len(MIGRATIONS)
    assert told["size"] > 0
    (identity,) = told["identities"]
    assert 0 < identity.pop("lease_seconds") <= 30
    (process,) = told["processes"]
    assert process.pop("seen_seconds") < 30
    assert abs(process.pop("opened_at") - time.time()) < 60
    program = process.pop("program")
    assert program.split()[-2] == str(os.getpid())
    held = {"host": socket.gethostname(), "pid": os.getpid(), "process_id": process["process_id"]}
    assert identity == {"identity": ME, **held, "due": 0, "running": 1, "dead": 0}
    assert process == {**held, "listens": [ME], "running": 1, "unsettled": 0, "is_silent": False}

    shown = (await asyncio.to_thread(run, "status", "--url", address)).stdout
    assert f"1 identity\n  {ME}  {held['host']}, process {os.getpid()}, lease for " in shown
    assert f"1 process\n  {held['host']}, process {os.getpid()}  since 20" in shown
    assert f" s  listens to {ME}, 1 running  {process['process_id']}\n" in shown

    await journal.close()
    shown = (await asyncio.to_thread(run, "status", "--url", address)).stdout
    assert f"{ME}  nobody listens  0 due, 1 running, 0 dead letters" in shown
    assert "0 processes" in shown


def test_a_burial_that_nobody_can_be_asked_about_names_the_option(address):
    run("init", "--url", address)
    refused = run("bury", "--url", address, "0" * 32, code=2)
    assert "if you are sure, add --yes" in refused.exception.format_message()


async def test_a_process_of_many_agents_is_one_line_and_is_buried_as_one(address, new_url, open_journal_at):
    journals = [await open_journal_at(address) for _ in range(4)]
    for number, journal in enumerate(journals):
        await journal.lease(f"agent-{number}")
    ask = functools.partial(asyncio.to_thread, run)
    shown = (await ask("status", "--url", address)).stdout
    assert "\n1 process\n" in shown
    assert " s  4 agents, listens to 4 of them, 0 running  " in shown
    assert (await ask("status", "--url", address, "--each")).stdout.count("  listens to agent-") == 4
    for journal in journals:
        await journal.abandon()
    with psycopg.connect(new_url, autocommit=True) as connection:
        connection.execute("UPDATE process SET seen_at = seen_at - 100")
    shown = (await ask("status", "--url", address)).stdout
    assert ", silent for 1" in shown

    await ask("bury", "--url", address, "--yes", shown.split()[-1])
    assert (await ask("status", "--url", address)).stdout.endswith("0 processes\n")


async def test_who_is_silent_is_buried_by_the_operators_word_and_who_lives_is_not(
    address, new_url, open_journal_at
):
    journal = await open_journal_at(address)
    await want(journal, 1)
    await claim_one(journal)
    ask = functools.partial(asyncio.to_thread, run)
    told = json.loads((await ask("status", "--url", address, "--json")).stdout)
    process_id = told["processes"][0]["process_id"]
    refused = await ask("bury", "--url", address, "--yes", process_id, code=69)
    assert str(refused.exception).startswith(f"process {os.getpid()} on {socket.gethostname()} was heard of ")
    await journal.abandon()
    with psycopg.connect(new_url, autocommit=True) as connection:
        connection.execute("UPDATE process SET seen_at = seen_at - 100")
    assert "silent for 1" in (await ask("status", "--url", address)).stdout

    assert "is gone" in (await ask("bury", "--url", address, "--yes", process_id)).stdout
    unknown = await ask("bury", "--url", address, "--yes", process_id, code=1)
    assert "there is no process" in unknown.exception.format_message()
    again = await open_journal_at(address)
    assert [suspect.lane for suspect in await again.recover(ME)] == ["chat:c"]


@pytest.fixture
async def open_journal_at():
    """Opens a journal of a database; whatever is open at the end is closed."""
    opened = []

    async def open_(url):
        journal = PostgresJournal(url, kept_turns=0)
        await asyncio.to_thread(journal.open)
        opened.append(journal)
        return journal

    yield open_
    for journal in opened:
        await journal.close()
