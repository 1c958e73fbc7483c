"""A message is shown in whatever form it comes: one that is odd must not hold back the others."""

from __future__ import annotations

import datetime as dt

import pytest

from mycel_runtime.plugin.message import message_from_api

NEW_YEAR = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)

PLAIN = {
    "id": "m1",
    "chat_id": "c",
    "sender_id": "you",
    "content": "hello",
    "message_type": "human",
    "mentioned_ids": ["me"],
    "seq": 1,
    "signal": None,
    "retracted_at": None,
    "created_at": NEW_YEAR.timestamp(),
}


def shown(**changes):
    return message_from_api(PLAIN | changes, me="me", sender_type="human")


@pytest.mark.parametrize("created_at", [NEW_YEAR.timestamp(), "2026-01-01T00:00:00+00:00"])
def test_its_time_is_understood_in_either_form(created_at):
    assert shown(created_at=created_at).created_at == NEW_YEAR


@pytest.mark.parametrize("created_at", [None, "some day", 1e18])
def test_a_time_that_is_none_costs_nothing_but_itself(created_at):
    message = shown(created_at=created_at)

    assert message.created_at is None
    assert message.content == "hello"


def test_no_list_of_mentions_is_an_empty_one():
    assert shown().mentions_me
    message = shown(mentioned_ids=None)

    assert message.mentioned_ids == ()
    assert not message.mentions_me


def test_the_list_of_addressees_and_the_name_of_the_sender_may_be_missing():
    message = shown(addressed_to_user_ids=None, delivery_scope=None, sender_name=None)

    assert (message.sender.id, message.sender.name) == ("you", "you")
