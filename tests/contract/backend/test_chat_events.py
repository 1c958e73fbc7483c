"""A chat's messages as server-sent events (contract 10, row 15)."""

from __future__ import annotations

import json

import pytest

from mycel_runtime.backend.http import chat_events
from tests.contract.backend.feed import PATIENCE


@pytest.fixture
def watching(owner, chat):
    """The lines that somebody gets who watches the chat."""
    path = f"/api/chats/{chat}/events"
    with owner.http.stream("GET", path, timeout=PATIENCE) as answer:
        assert (answer.status_code, answer.headers["content-type"]) == (
            200,
            "text/event-stream; charset=utf-8",
        )
        lines = answer.iter_lines()
        assert [next(lines), next(lines)] == ["retry: 5000", ""]
        yield lines


def test_whoever_watches_is_shown_what_is_said_as_the_history_shows_it(watching, agent, chat):
    for content in ("one", "two\nlines"):
        said = agent.says(chat, content)
        assert next(watching) == "event: message"
        assert json.loads(next(watching).removeprefix("data: ")) == said
        assert next(watching) == ""


@pytest.fixture
def often(monkeypatch):
    monkeypatch.setattr(chat_events, "KEEPALIVE_SECONDS", 0.02)


def test_a_silent_chat_is_kept_alive(often, watching):
    assert [next(watching) for _ in range(4)] == [": keepalive", "", ": keepalive", ""]


def test_a_restart_ends_it_at_once(town, watching):
    town.backend.restart()
    assert list(watching) == []


def test_whoever_reads_too_slowly_is_cut_off(town):
    viewer = chat_events.Viewer()
    for number in range(chat_events.QUEUED_MESSAGES + 1):
        viewer.show({"seq": number})
    assert [viewer._messages.get_nowait(), viewer._messages.qsize()] == [None, 0]
