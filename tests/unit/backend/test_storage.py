from __future__ import annotations

import dataclasses
import sqlite3

import pytest

from mycel_runtime.backend.quirks import Rules
from mycel_runtime.backend.storage import SqliteStorage
from mycel_runtime.backend.world import entities
from mycel_runtime.errors import ConfigError

TYPES = [
    type_ for type_ in vars(entities).values() if dataclasses.is_dataclass(type_) and hasattr(type_, "table")
]

VALUES = {"str": "text", "int": 7, "float": 1.5, "bool": True, "UserType": "agent"}


def example(type_):
    """A record with something in every field."""
    values = {}
    for field in dataclasses.fields(type_):
        if field.metadata.get("derived"):
            continue
        kind = str(field.type).split(" | ")[0]
        is_choice = kind.startswith("Literal")
        default = {"k": "v"} if kind.startswith("dict") else ["v"]
        values[field.name] = "direct" if is_choice else VALUES.get(kind, default)
    return type_(**values)


HOMES = {
    "chat": lambda world, row: world.rooms[row.id].chat,
    "member": lambda world, row: world.rooms[row.chat_id].members[row.user_id],
    "message": lambda world, row: world.rooms[row.chat_id].messages[0],
    "queue": lambda world, row: world.queues[row.inbox][0],
    "workflow": lambda world, row: world.workflows[row.chat_id],
    "workflow_event": lambda world, row: world.workflow_events[row.chat_id][row.event_id],
    "task": lambda world, row: world.tasks[row.chat_id][row.id],
}


def placed(world, row):
    """The record as a world holds it."""
    home = HOMES.get(row.table, lambda world, row: getattr(world, row.table + "s")[row.key])
    return home(world, row)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "world.sqlite3"


@pytest.mark.parametrize("type_", TYPES, ids=lambda type_: type_.__name__)
def test_every_field_of_every_record_comes_back(path, type_):
    entity = example(type_)
    chat = dataclasses.replace(example(entities.Chat), id="text")
    storage = SqliteStorage(path, Rules())
    storage.save({(row.table, row.key): row for row in (chat, entity)})
    storage.close()
    storage = SqliteStorage(path, Rules())
    assert placed(storage.load(), entity) == entity
    storage.close()


def test_a_changed_record_keeps_its_place_and_a_forgotten_one_is_gone(path):
    storage = SqliteStorage(path, Rules())
    users = [dataclasses.replace(example(entities.User), id=name) for name in ("b", "a", "c")]
    for user in users:
        storage.save({(user.table, user.key): user})
    renamed = dataclasses.replace(users[0], name="renamed")
    storage.save({(renamed.table, "b"): renamed, (renamed.table, "c"): None})
    assert [(user.id, user.name) for user in storage.load().users.values()] == [
        ("b", "renamed"),
        ("a", "text"),
    ]
    storage.close()


def test_a_failed_save_leaves_nothing_behind(path):
    storage = SqliteStorage(path, Rules())
    good, bad = example(entities.User), dataclasses.replace(example(entities.User), id="bad", name="\ud800")
    with pytest.raises(ValueError, match="utf-8"):
        storage.save({(good.table, good.key): good, (bad.table, bad.key): bad})
    assert storage.load().users == {}
    storage.close()


def test_the_secret_of_the_tokens_is_kept(path):
    secrets = []
    for _ in range(2):
        storage = SqliteStorage(path, Rules())
        secrets.append(storage.secret)
        storage.close()
    assert secrets[0] == secrets[1]


def test_a_database_held_by_another_is_told(path):
    SqliteStorage(path, Rules()).close()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(ConfigError, match="locked"):
        SqliteStorage(path, Rules())
    other.close()
