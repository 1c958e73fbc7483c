"""The steps of PostgreSQL's schema: whatever is at work with the version before goes on."""

from __future__ import annotations

import re

import pytest

from mycel_runtime.journal.postgres.schema import serves_from
from mycel_runtime.journal.postgres.statements import MIGRATIONS

_ADDS = re.compile(
    r"CREATE TABLE|CREATE INDEX|CREATE (OR REPLACE )?(VIEW|FUNCTION|TRIGGER)|DROP INDEX|INSERT INTO|UPDATE "
    r"|ALTER TABLE \w+ ADD COLUMN (?!.*\b(UNIQUE|CHECK|REFERENCES)\b)(?!.*NOT NULL(?!.*DEFAULT)(?<!DEFAULT))"
    r"|COMMENT ON"
)


def harm_of(step):
    """The statements of a step that somebody may not survive who knows only the version before."""
    text = re.sub(r"--[^\n]*", "", step)
    text = re.sub(r"\$\$.*?\$\$", "''", text, flags=re.DOTALL)
    statements = [" ".join(part.split()) for part in text.split(";")]
    new = set(re.findall(r"CREATE TABLE (\w+)", text))
    return [
        statement
        for statement in statements
        if statement and not _ADDS.match(statement) and not _is_of_new(statement, new)
    ]


def _is_of_new(statement, tables):
    """A table that is made in the same step is nobody's yet."""
    found = re.match(r"CREATE UNIQUE INDEX \w+ ON (\w+)|ALTER TABLE (\w+)", statement)
    return found is not None and bool(set(found.groups()) & tables)


def test_each_step_after_the_first_only_adds():
    assert [harm for step in MIGRATIONS[1:] for harm in harm_of(step)] == []


def test_each_version_serves_programs_of_the_one_before():
    for version in range(2, len(MIGRATIONS) + 1):
        assert serves_from(MIGRATIONS[:version]) < version


@pytest.mark.parametrize(
    "step",
    [
        "DROP TABLE entry",
        "ALTER TABLE delivery DROP COLUMN last_error",
        "ALTER TABLE delivery RENAME COLUMN claim TO claimed",
        "ALTER TABLE delivery ALTER COLUMN claim TYPE TEXT",
        "ALTER TABLE delivery ADD COLUMN rank BIGINT NOT NULL",
        "ALTER TABLE delivery ADD COLUMN rank BIGINT UNIQUE",
        "ALTER TABLE delivery ADD CONSTRAINT positive CHECK (claim > 0)",
        "CREATE UNIQUE INDEX one ON delivery (claim)",
        "TRUNCATE entry",
        "DELETE FROM entry",
    ],
)
def test_a_step_that_takes_something_away_would_be_noticed(step):
    assert harm_of(f"-- A comment; of one.\n{step};\nCREATE TABLE more (a TEXT);") == [step]


@pytest.mark.parametrize(
    "step",
    [
        "CREATE TABLE more (a TEXT NOT NULL); CREATE UNIQUE INDEX one ON more (a);",
        "ALTER TABLE delivery ADD COLUMN rank BIGINT;",
        "ALTER TABLE delivery ADD COLUMN rank BIGINT NOT NULL DEFAULT 0;",
        "CREATE OR REPLACE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN DELETE FROM x; END $$;",
        "DROP INDEX turn_entry; CREATE INDEX turn_entry ON turn (entry_id);",
    ],
)
def test_a_step_that_adds_is_taken(step):
    assert harm_of(step) == []
