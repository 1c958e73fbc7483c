"""What belongs to the process is put back after a plugin's code has run; not while another handler runs."""

from __future__ import annotations

import contextlib
import gc
import locale
import logging
import os
import signal
import sys
import warnings
from pathlib import Path

import pytest
import structlog

from mycel_runtime.observe.library_logs import take_library_logs
from mycel_runtime.plugin.process_state import Aspect, ProcessState


class Told:
    def __init__(self):
        self.facts = []

    def tell(self, fact):
        self.facts.append((fact.plugin, fact.aspect))


@pytest.fixture
def told():
    return Told()


@pytest.fixture
def state(told):
    take_library_logs()
    state = ProcessState(told)
    yield state
    with state.entrusted_to("the test"):
        pass


CHANGES = {
    "working directory": lambda: os.chdir("/"),
    "locale": lambda: locale.setlocale(
        locale.LC_ALL, "C" if locale.setlocale(locale.LC_ALL) != "C" else "C.UTF-8"
    ),
    "warnings": lambda: warnings.simplefilter("ignore"),
    "logging": lambda: logging.getLogger("httpx").setLevel(logging.DEBUG),
    "structlog": lambda: structlog.configure(processors=[]),
    "garbage collection": gc.disable,
    "recursion limit": lambda: sys.setrecursionlimit(sys.getrecursionlimit() + 1),
    "signal handlers": lambda: signal.signal(signal.SIGPIPE, signal.SIG_DFL),
}


def seen():
    return (
        str(Path.cwd()),
        locale.setlocale(locale.LC_ALL),
        list(warnings.filters),
        logging.getLogger("httpx").level,
        structlog.get_config(),
        gc.isenabled(),
        gc.get_threshold(),
        sys.getrecursionlimit(),
        signal.getsignal(signal.SIGPIPE),
    )


@pytest.mark.parametrize("aspect", CHANGES)
def test_what_a_plugin_leaves_changed_is_put_back_and_told_once(state, told, aspect):
    before = seen()

    for _ in range(2):
        with state.entrusted_to("p"):
            CHANGES[aspect]()
            assert seen() != before

    assert seen() == before
    assert told.facts == [("p", aspect)]


def test_what_a_library_does_with_warnings_of_its_own_stays_and_is_not_told(state, told):
    """As `import requests` does: told at each start, it was a warning that nobody could do anything about."""

    class OwnWarning(Warning):
        pass

    before = warnings.filters[:]
    with state.entrusted_to("p"):
        warnings.simplefilter("always", OwnWarning)
    kept = warnings.filters[:]
    with state.entrusted_to("p"):
        warnings.simplefilter("ignore")

    assert [each[2] for each in kept if each not in before] == [OwnWarning]
    assert warnings.filters == kept
    assert told.facts == [("p", "warnings")]
    warnings.filters[:] = before


def test_while_another_handler_runs_only_the_signals_are_put_back(state, told):
    before = seen()
    with state.entrusted_to("p"):
        CHANGES["recursion limit"]()
        CHANGES["signal handlers"]()
        with state.entrusted_to("q"):
            pass
        assert signal.getsignal(signal.SIGPIPE) == before[-1]
        assert sys.getrecursionlimit() != before[-2]

    assert seen() == before


def test_what_a_plugin_changes_by_raising_is_put_back_too(state):
    before = seen()
    with contextlib.suppress(ZeroDivisionError), state.entrusted_to("p"):
        CHANGES["working directory"]()
        raise ZeroDivisionError

    assert seen() == before


def test_more_is_kept_for_a_while(state, told):
    value = ["ours"]
    aspect = Aspect(
        name="value", read=lambda: list(value), write=lambda state: value.__setitem__(slice(None), state)
    )
    with state.keeping(aspect), state.entrusted_to("p"):
        value.append("theirs")
    with state.entrusted_to("p"):
        value.append("nobody's")

    assert value == ["ours", "nobody's"]
    assert told.facts == [("p", "value")]
