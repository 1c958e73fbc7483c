"""Facts become log lines."""

from __future__ import annotations

import dataclasses
import json
import logging

import pytest

from mycel_runtime.observe import facts
from mycel_runtime.observe.facts import Fact, MessageSent
from mycel_runtime.observe.logs import TALKATIVE, LogObserver, configure_logging
from mycel_runtime.observe.observer import FanOut, Silent

FACTS = [
    value
    for value in vars(facts).values()
    if isinstance(value, type) and issubclass(value, Fact) and value is not Fact
]


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: fact.__name__)
def test_a_fact_is_named_noun_verb_and_has_no_room_for_a_text(fact):
    noun, verb = fact.name.split(".")
    fields = {field.name for field in dataclasses.fields(fact)}

    assert noun.isidentifier()
    assert verb.replace("_", "").isalpha()
    assert fact.level in {"debug", "info", "warning", "error"}
    assert not fields & {"content", "text", "token", "body", "message", "traceback"}


def test_names_are_unique():
    names = [fact.name for fact in FACTS]

    assert sorted(set(names)) == sorted(names)


def test_a_line_is_one_json_object_with_the_facts_fields(capsys):
    configure_logging(level="info", log_format="json")

    LogObserver({"agent": "a"}).tell(MessageSent(handler="h", chat_id="c", message_seq=3))

    line = json.loads(capsys.readouterr().err)
    assert line.pop("timestamp")
    assert line == {
        "agent": "a",
        "event": "message.sent",
        "level": "info",
        "handler": "h",
        "chat_id": "c",
        "message_seq": 3,
        "recovered": False,
    }


def test_talkative_libraries_are_held_back():
    configure_logging(level="debug", log_format="json")

    assert {logging.getLogger(name).level for name in TALKATIVE} == {logging.WARNING}


def test_every_observer_is_told():
    class Counting(Silent):
        told = 0

        def tell(self, fact):
            self.told += 1

    first, second = Counting(), Counting()

    FanOut([first, Silent(), second]).tell(MessageSent(handler="h", chat_id="c", message_seq=3))

    assert (first.told, second.told) == (1, 1)
