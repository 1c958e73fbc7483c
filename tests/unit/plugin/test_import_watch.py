"""An import that takes long is told while it does."""

from __future__ import annotations

import threading

from mycel_runtime.plugin import import_watch
from mycel_runtime.plugin.import_watch import watched_import


class Told:
    def __init__(self):
        self.facts = []
        self.is_enough = threading.Event()

    def tell(self, fact):
        self.facts.append(fact)
        if len(self.facts) == 3:
            self.is_enough.set()


def test_it_is_told_before_and_again_and_again_while_it_lasts(monkeypatch):
    monkeypatch.setattr(import_watch, "SLOW_SECONDS", 0.01)
    told = Told()

    with watched_import("p", told):
        assert [fact.name for fact in told.facts][:1] == ["plugin.importing"]
        assert told.is_enough.wait(30)

    assert [(fact.name, fact.plugin) for fact in told.facts[:3]] == [
        ("plugin.importing", "p"),
        ("plugin.import_slow", "p"),
        ("plugin.import_slow", "p"),
    ]
    assert [fact.seconds for fact in told.facts[1:3]] == [0.01, 0.02]


def test_a_quick_one_is_told_once():
    told = Told()
    with watched_import("p", told):
        pass

    assert [fact.name for fact in told.facts] == ["plugin.importing"]
