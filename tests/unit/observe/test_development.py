"""A traceback with its texts is for a terminal, and for who asked."""

from __future__ import annotations

import io
import sys

import pytest

from mycel_runtime.observe.development import VARIABLE, collecting_tracebacks, show_traceback, show_tracebacks
from mycel_runtime.plugin.isolation import child
from mycel_runtime.plugin.outcome import Retry


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture(autouse=True)
def unasked(monkeypatch):
    monkeypatch.setenv(VARIABLE, "0")


def told(monkeypatch, stream, action):
    """What it prints there. pytest exchanges the stream before a test, so that a fixture's would be gone."""
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", stream)
        action()
    return stream.getvalue()


def test_what_is_collected_is_the_exception_itself_and_only_while_somebody_collects():
    raised, found = ValueError("words"), []
    with collecting_tracebacks(found.append):
        show_traceback(raised)
    show_traceback(raised)
    assert found == [raised]


def test_nothing_is_shown_unasked_or_where_nobody_looks(monkeypatch):
    def show():
        show_traceback(ValueError("words"))

    assert told(monkeypatch, Terminal(), show) == ""
    show_tracebacks()
    assert told(monkeypatch, io.StringIO(), show) == ""
    assert told(monkeypatch, Terminal(), show) == "ValueError: words\n"


def test_the_process_of_an_isolated_plugin_shows_it_too(monkeypatch):
    """It inherits the variable, which is not among those that are kept from it."""
    show_tracebacks()

    assert not VARIABLE.startswith("MYCEL_RUNTIME_")
    assert (
        told(monkeypatch, Terminal(), lambda: child._ending("r", ValueError("words")))
        == "ValueError: words\n"
    )
    assert told(monkeypatch, Terminal(), lambda: child._ending("r", Retry(after=1.0))) == ""
