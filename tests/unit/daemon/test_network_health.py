"""Which causes last, which news of them is told, and since when no call gets through."""

from __future__ import annotations

import errno

import pytest

from mycel_runtime.daemon.limit_suspicion import DOWN_SECONDS, REMEMBERED_SECONDS
from mycel_runtime.daemon.mtu_suspicion import ENOUGH, SMALL_BYTES
from mycel_runtime.daemon.network_health import NetworkHealth
from mycel_runtime.daemon.timer import JITTER
from mycel_runtime.errors import ApiError, NotFoundError, NotSentError, TransportError
from mycel_runtime.observe.facts import FramesCommitted
from mycel_runtime.sdk import calls
from mycel_runtime.sdk.cause import Cause
from mycel_runtime.sdk.redirect import redirect_error
from mycel_runtime.settings import InboxSettings

INTERVAL = 30.0
LONGEST_UNNAMED_SECONDS = 10.0
HISTORY = calls.list_messages("chat")


class Road:
    """A `NetworkHealth`, and what it has told: the cause, or the cause with a minus and how long it has lasted."""

    def __init__(self, **options):
        self.health = NetworkHealth(interval=INTERVAL, **options)
        self.told = []

    def fail(self, now, error, call=HISTORY):
        self._take(self.health.failed(call, error, now=now))

    def hang(self, now):
        self._take(self.health.hangs(now=now))

    def answer(self, now):
        self._take(self.health.answered(now=now))

    def _take(self, news):
        for fact in news:
            is_over = fact.name == "network.recovered"
            self.told.append(("-", fact.cause, fact.lasted) if is_over else fact.cause)

    @property
    def causes(self):
        return [(spell.cause, spell.since, spell.failures) for spell in self.health.spells]


def refused():
    error = NotSentError("transport error: ConnectError")
    error.__cause__ = ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")
    return error


def timed_out():
    error = TransportError("transport error: ReadTimeout")
    error.__cause__ = TimeoutError()
    return error


LARGE = ApiError(413, "", b"<html>")


def test_an_outage_is_told_once_and_its_end_once():
    road = Road()
    for now in range(100, 200):
        road.fail(float(now), refused())
    assert road.causes == [(Cause.CONNECTION_REFUSED, 100.0, 100)]
    assert road.health.failing_since == 100.0
    road.answer(200.0)
    assert road.causes == []
    assert road.health.failing_since is None
    assert road.told == ["connection_refused", ("-", "connection_refused", 100.0)]


BARE = ApiError(503, "", b"<html>")


def test_a_503_that_says_nothing_is_a_limits_if_it_comes_again_after_an_answer():
    road = Road()
    road.fail(100.0, BARE)
    road.fail(100.2, BARE)
    road.answer(100.5)
    assert (road.causes, road.told) == ([], []), "a restart of a moment looks alike"

    road.fail(101.0, BARE)
    assert road.causes == [(Cause.RATE_LIMITED, 100.0, 3)]
    road.fail(101.5, BARE)
    assert road.causes == [(Cause.RATE_LIMITED, 100.0, 4)]
    assert road.told == [], "the pace tells it"


def test_a_503_that_says_nothing_is_an_outages_if_nothing_passes_for_seconds():
    road = Road()
    road.fail(100.0, BARE)
    road.fail(101.0, BARE)
    assert (road.health.failing_since, road.causes) == (100.0, [])
    for now in (100.0 + DOWN_SECONDS, 109.0, 140.0):
        road.fail(now, BARE)
    assert road.causes == [(Cause.BACKEND_DOWN, 100.0, 5)]

    road.answer(150.0)
    road.fail(152.0, BARE)
    assert (road.causes, road.told) == ([], ["backend_down", ("-", "backend_down", 50.0)])


def test_a_stream_in_the_calls_way_is_found_out_before_a_server_is_called_down():
    """All that a gateway with one connection for us refuses looks like an outage until the stream is ended."""
    assert InboxSettings().suspect_interval * (1.0 + JITTER) + 1.0 < DOWN_SECONDS < LONGEST_UNNAMED_SECONDS


def test_two_restarts_of_a_moment_are_no_limit():
    road = Road()
    for now in (100.0, 100.0 + REMEMBERED_SECONDS, 100.0 + 2 * REMEMBERED_SECONDS):
        road.fail(now, BARE)
        road.answer(now + 1.0)
    assert road.causes == []


def test_an_outage_that_comes_and_goes_has_few_lines():
    """It is refused every other second for ten minutes."""
    road = Road()
    for now in range(100, 700, 2):
        road.fail(float(now), refused())
        road.answer(now + 1.0)
    assert road.told == ["connection_refused", ("-", "connection_refused", 1.0), "connection_refused"]
    road.answer(698.0 + INTERVAL)
    assert road.told[3:] == [("-", "connection_refused", 596.0)]


def test_what_ails_some_calls_only_is_not_over_when_another_is_answered():
    road = Road()
    road.fail(100.0, LARGE)
    road.answer(101.0)
    assert road.causes == [(Cause.BODY_TOO_LARGE, 100.0, 1)]
    assert road.health.failing_since is None
    road.answer(100.0 + INTERVAL)
    assert road.causes == []


def test_one_cause_that_takes_anothers_place_is_told_and_the_other_ends():
    road = Road()
    road.fail(100.0, refused())
    road.fail(105.0, ApiError(502, "", b"<html>"))
    assert [cause for cause, *_ in road.causes] == [Cause.BACKEND_DOWN, Cause.CONNECTION_REFUSED]
    road.fail(131.0, ApiError(502, "", b"<html>"))
    assert road.causes == [(Cause.BACKEND_DOWN, 105.0, 2)]
    assert road.health.failing_since == 100.0


def test_the_backends_own_refusal_is_an_answer():
    road = Road()
    road.fail(100.0, refused())
    road.fail(101.0, NotFoundError(404, "no", b'{"detail": "no"}'))
    assert road.causes == []
    assert road.health.failing_since is None


def test_it_says_where_a_redirect_leads_and_when_a_server_will_be_back():
    road = Road()
    road.fail(100.0, redirect_error(302, "https://sso.test/login", "/api/auth/me"))
    road.fail(101.0, ApiError(503, "", b"<html>", retry_after_seconds=120.0))
    maintenance, redirected = (spell.detail for spell in road.health.spells)
    assert maintenance == "HTTP 503, back in 120 s"
    assert redirected.startswith("redirected to https://sso.test/login: ")


def test_a_limit_has_its_lines_from_the_pace_and_a_place_in_the_status():
    road = Road()
    road.fail(100.0, ApiError(429, "", b"<html>"))
    assert road.causes == [(Cause.RATE_LIMITED, 100.0, 1)]
    road.answer(100.0 + INTERVAL)
    assert (road.causes, road.told) == ([], [])


@pytest.mark.parametrize("status", [429, 503])
def test_a_refusal_where_one_connection_is_allowed_and_taken_is_that_limits(status):
    is_limited = False
    road = Road()
    road.health.ask_stream(lambda: is_limited)
    is_limited = True
    road.fail(100.0, ApiError(status, "", b"<html>"))
    assert road.told == ["connection_limit"]


@pytest.mark.parametrize(
    "error",
    [
        ApiError(502, "", b"<html>"),
        ApiError(503, "", b"<html>", retry_after_seconds=5.0),
        ApiError(503, "", b'{"detail": "not attached"}'),
        refused(),
    ],
    ids=["502", "maintenance", "backend's own", "refused"],
)
def test_other_failures_are_told_as_such_there_too(error):
    road = Road()
    road.health.ask_stream(lambda: True)
    road.fail(100.0, error)
    assert road.told not in ([], ["connection_limit"])


def test_behind_a_proxy_only_the_proxy_can_be_down():
    road = Road(is_proxied=True)
    road.fail(100.0, refused())
    assert road.told == ["proxy_unreachable"]


@pytest.mark.parametrize("other", [0.0, 1.0])
def test_large_calls_that_hang_beside_small_ones_that_pass_are_suspected_of_the_path(other):
    road = Road()
    large = calls.send_message("chat", "x" * SMALL_BYTES)
    for number in range(ENOUGH):
        road.health.carried(calls.get_chat(f"{number}"), 20)
        road.fail(100.0 + number, timed_out(), large)
        road.health.carried(calls.get_chat(f"{number}"), 20)
        road.answer(100.0 + number + other)
    road.fail(110.0, timed_out(), large)
    assert road.told == ["timeout", "path_mtu_suspected"]


def test_history_that_hangs_while_frames_come_is_suspected_of_the_path():
    """A frame each time somebody has written, and the history with what was written is larger than a packet."""
    road = Road()
    road.health.carried(HISTORY, 200)
    for number in range(ENOUGH):
        road.health.tell(FramesCommitted(received=1, new=1, epoch=1, since_seq=number))
        road.fail(100.0 + number, timed_out())
    assert road.told == ["timeout"]
    road.health.tell(FramesCommitted(received=1, new=1, epoch=1, since_seq=9))
    road.hang(110.0)
    assert road.told == ["timeout", "path_mtu_suspected"]


def test_a_call_that_hangs_is_told_of_before_it_fails_and_once():
    road = Road()
    road.hang(105.0)
    assert road.causes == [(Cause.TIMEOUT, 105.0, 0)]
    assert road.health.failing_since == 105.0
    road.health.hangs_no_more()
    road.fail(115.0, timed_out())
    assert road.causes == [(Cause.TIMEOUT, 105.0, 1)]
    assert road.told == ["timeout"]


def test_what_hangs_is_not_over_while_it_does():
    road = Road()
    road.hang(100.0)
    road.answer(100.0 + 2 * INTERVAL)
    assert road.causes == [(Cause.TIMEOUT, 100.0, 0)]
    road.health.hangs_no_more()
    road.answer(101.0 + 2 * INTERVAL)
    assert road.causes == []
    assert road.told == ["timeout", ("-", "timeout", 0.0)]


def test_a_connection_that_is_never_made_has_no_size():
    road = Road()
    for number in range(3 * ENOUGH):
        error = NotSentError("transport error: ConnectTimeout")
        error.__cause__ = TimeoutError()
        road.fail(100.0 + number, error)
        road.health.carried(calls.whoami(), 20)
    assert road.told == ["timeout"]


def test_a_clock_that_is_set_back_lasts_no_negative_time():
    road = Road()
    road.fail(100.0, refused())
    road.answer(50.0)
    assert road.told == ["connection_refused", ("-", "connection_refused", 0.0)]
