"""Which lists need not be compared again."""

from __future__ import annotations

import pytest

from mycel_runtime.inbox.known_lists import KnownLists, said_of
from mycel_runtime.inbox.list_diff import chat_records, relationship_records

CHATS = chat_records([{"id": "c", "title": "t"}, {"id": "d", "title": "t"}])
RELATIONSHIPS = relationship_records(
    [{"id": "r", "other_user_id": "you", "state": "visit", "is_requester": False, "created_at": "then"}]
)
ALL = {"chat", "relationship", "workflow_event"}


def said(records, *, asked=ALL, complete=("chat",), failed=(), deciders=()):
    return said_of(records, asked=asked, complete=complete, failed=failed, deciders=deciders)


@pytest.fixture
def known():
    known = KnownLists()
    known.note(said(CHATS + RELATIONSHIPS), read_at=4, left_at=5)
    return known


def test_the_same_lists_are_known_and_each_kind_by_itself(known):
    assert known.say_the_same(said(CHATS + RELATIONSHIPS), snapshot=5)
    assert known.say_the_same(said(CHATS, asked={"chat"}), snapshot=5)
    assert known.say_the_same(said(RELATIONSHIPS, asked={"relationship"}), snapshot=5)


@pytest.mark.parametrize(
    "other",
    [
        said(CHATS),
        said(CHATS[:1] + RELATIONSHIPS),
        said(CHATS + RELATIONSHIPS, complete=()),
        said(CHATS + RELATIONSHIPS, failed=[("workflow_event", "c")]),
        said(CHATS + RELATIONSHIPS, deciders=("p.new",)),
        said(CHATS, asked={"chat", "join_request"}),
    ],
    ids=["one less", "one of two", "cut short", "one failed", "a new handler", "another kind"],
)
def test_whatever_decides_makes_them_others(known, other):
    assert not known.say_the_same(other, snapshot=5)


def test_nothing_is_known_once_somebody_else_has_changed_the_snapshot(known):
    assert not known.say_the_same(said(CHATS, asked={"chat"}), snapshot=6)
    known.note(said(CHATS, asked={"chat"}), read_at=6, left_at=6)

    assert known.say_the_same(said(CHATS, asked={"chat"}), snapshot=6)
    assert not known.say_the_same(said(RELATIONSHIPS, asked={"relationship"}), snapshot=6)


def test_a_kind_more_is_known_beside_the_others(known):
    known.note(said([], asked={"join_request"}), read_at=5, left_at=5)

    assert known.say_the_same(said(CHATS + RELATIONSHIPS, asked=ALL | {"join_request"}), snapshot=5)
