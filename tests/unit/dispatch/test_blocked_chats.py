"""Chats in which nothing goes on because the backend fails there."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from mycel_runtime.dispatch.blocked_chats import REFUSED_AFTER_SECONDS, BlockedChat, BlockedChats
from mycel_runtime.dispatch.verdict import (
    Failed,
    Outspoken,
    Overtaken,
    Quarantined,
    Returned,
    Unanswered,
    Waiting,
)
from mycel_runtime.errors import (
    IntermediaryError,
    InvalidResponseError,
    NotSentError,
    PermissionDeniedError,
    RateLimitedError,
    ServerError,
    TransportError,
)
from mycel_runtime.journal.dead_letter import Letter
from mycel_runtime.speech.evidence import Evidence, Operation
from tests.unit.speech.test_ledger import delivery

SEND, READ = Operation.SEND, Operation.READ


class Case:
    """A clock, what the backend does elsewhere, and what is blocked."""

    def __init__(self):
        self.now = 1000.0
        self.evidence = Evidence()
        self.blocked = BlockedChats(self.evidence, clock=lambda: self.now)

    def fail(self, cause=None, operation=SEND, chat_id="c", delivery_id=1, seconds=1.0):
        self.now += seconds
        return self.blocked.note(
            delivery(chat_id=chat_id, delivery_id=delivery_id),
            Unanswered.by(cause or ServerError(500, "no"), operation),
        )


@pytest.fixture
def case():
    return Case()


def is_spent(result):
    return isinstance(result, Failed)


@pytest.mark.parametrize("operation", list(Operation))
def test_what_fails_everywhere_costs_the_wait(case, operation):
    for number in range(600):
        assert not is_spent(case.fail(operation=operation, chat_id=f"c{number % 3}", delivery_id=number % 3))


@pytest.mark.parametrize("operation", list(Operation))
@pytest.mark.parametrize("cause", [ServerError(500, "no"), ServerError(502, "no"), TransportError("reset")])
def test_what_fails_here_only_spends_attempts_and_says_what_the_server_says(case, operation, cause):
    assert not is_spent(case.fail(cause, operation))
    case.now += 1
    case.evidence.done(operation, "other", case.now)

    failed = case.fail(cause, operation)

    assert is_spent(failed)
    assert failed.is_answer
    assert failed.letter.reason == Unanswered.by(cause, operation).letter.reason


@pytest.mark.parametrize(
    ("cause", "operation", "spends"),
    [
        (ServerError(500, "no"), SEND, True),
        (TransportError("reset"), SEND, True),
        (ServerError(500, "no"), READ, True),
        (TransportError("reset"), READ, False),
        (ServerError(503, "no"), READ, False),
        (NotSentError("refused"), SEND, False),
        (RateLimitedError(429, "slowly"), SEND, False),
        (ServerError(503, "soon", retry_after_seconds=5.0), SEND, False),
    ],
)
def test_after_an_hour_it_is_a_refusal_if_the_backend_answers(case, cause, operation, spends):
    case.fail(operation=operation)

    assert not is_spent(case.fail(cause, operation, seconds=REFUSED_AFTER_SECONDS - 1))
    assert is_spent(case.fail(cause, operation, seconds=2.0)) is spends


def test_two_chats_that_fail_for_ever_do_not_excuse_each_other(case):
    case.fail(chat_id="a", delivery_id=1)
    case.fail(chat_id="b", delivery_id=2)
    case.now += 1
    case.evidence.done(SEND, "c", case.now)

    for _ in range(5):
        assert is_spent(case.fail(chat_id="a", delivery_id=1))
        assert is_spent(case.fail(chat_id="b", delivery_id=2))


def test_it_is_told_since_when_and_why_until_it_is_over(case):
    case.fail(chat_id="a", delivery_id=1)
    case.fail(chat_id="a", delivery_id=2)
    case.fail(chat_id="b", delivery_id=3)
    case.fail(ServerError(500, "worse"), chat_id="a", delivery_id=1)

    assert list(case.blocked.chats) == [
        BlockedChat(chat_id="a", operation=SEND, since=1001.0, reason="ServerError 500: worse"),
        BlockedChat(chat_id="b", operation=SEND, since=1003.0, reason="ServerError 500: no"),
    ]
    case.blocked.note(delivery(chat_id="a", delivery_id=1), Returned())
    case.blocked.note(delivery(chat_id="b", delivery_id=3), Failed(letter=Letter(reason="ValueError")))
    assert [(chat.chat_id, chat.since) for chat in case.blocked.chats] == [("a", 1002.0)]
    case.blocked.forget(delivery(chat_id="a", delivery_id=2))
    assert case.blocked.chats == []


WAITING, OVERTAKEN, OUTSPOKEN = Waiting(seconds=2.0), Overtaken(), Outspoken(rounds=5)
QUARANTINED = Quarantined(plugin="p", retry_after=5.0)


@pytest.mark.parametrize(
    ("operation", "result"),
    [(SEND, WAITING), (SEND, OVERTAKEN), (SEND, QUARANTINED), (READ, QUARANTINED)],
)
def test_a_run_that_does_not_get_as_far_changes_nothing(case, operation, result):
    case.fail(operation=operation)
    before = case.blocked.chats

    assert case.blocked.note(delivery(), result) is result
    assert case.blocked.chats == before


@pytest.mark.parametrize(
    ("operation", "result"), [(SEND, OUTSPOKEN), (READ, OUTSPOKEN), (READ, WAITING), (READ, OVERTAKEN)]
)
def test_what_fails_after_a_run_that_got_past_it_has_not_failed_since_before(case, operation, result):
    """A trouble of an hour ago and one of now were one of an hour."""
    case.fail(operation=operation)
    case.now += REFUSED_AFTER_SECONDS

    assert case.blocked.note(delivery(), result) is result

    assert case.blocked.chats == []
    assert not is_spent(case.fail(operation=operation))


@pytest.mark.parametrize("has_evidence", [True, False])
def test_work_that_is_no_chats_comes_to_an_end_and_is_not_listed(case, has_evidence):
    """A relationship's handler whose own calls are a 500 for ever."""
    event = SimpleNamespace(chat_id=None, lane="relationship:r", delivery_id=7)
    unanswered = Unanswered.by(ServerError(500, "no"), READ)
    assert case.blocked.note(event, unanswered) is unanswered
    case.now += 1 if has_evidence else REFUSED_AFTER_SECONDS
    if has_evidence:
        case.evidence.done(READ, "c", case.now)

    assert is_spent(case.blocked.note(event, unanswered))
    assert case.blocked.chats == []


@pytest.mark.parametrize(
    ("error", "is_answered"),
    [
        (PermissionDeniedError(403, "no", b'{"detail": "no"}'), True),
        (ServerError(500, "no", b"Internal Server Error"), True),
        (ServerError(500, "no", b"<html>no</html>"), False),
        (IntermediaryError(403, "no", b"<html>no</html>"), False),
        (InvalidResponseError(200, "no JSON", b"<html>Log in</html>"), False),
        (InvalidResponseError(200, "a page that does not lead on"), True),
        (ServerError(503, "no", b'{"detail": "Chat repo unavailable"}'), False),
    ],
)
def test_only_the_backends_own_answer_shows_that_it_answers(error, is_answered):
    """A login page of an hour buries no chat."""
    assert Unanswered.by(error, READ).is_answered is is_answered
