"""The short form of `make road`: a daemon, and a gateway of our own that does what those of the world do."""

from __future__ import annotations

import pytest

from tests.road.daemon import Daemon
from tests.road.gateway import STRIP, Limit
from tests.road.household import Household
from tests.road.message import LOGIN_PAGE, html, redirect

MESSAGES = 10
BOUND_SECONDS = 100.0

SOON = """
[inbox]
reconcile_interval = 1.0
suspect_interval = 0.3
deaf_grace = 0.3
backoff_base = 0.05
backoff_cap = 1.0

[dispatch]
retry_base = 0.05
retry_cap = 0.5
settle_grace = 0.3
"""

SEND = ("POST", "/messages$")


@pytest.fixture
def household(backend):
    with Household(backend.base_url) as made:
        yield made


def answers_are_replaced(gateway):
    """The worst: carried out, and the answer says otherwise."""
    for status in (403, 409, 302, 404):
        gateway.replace_after(html(status, "Not today"), *SEND, count=1)
    gateway.replace_after(LOGIN_PAGE, *SEND, count=1)


def sends_are_refused(gateway):
    """Not carried out, and said in the gateway's own words."""
    for status in (403, 404, 302, 413):
        gateway.replace(html(status, "Not today"), *SEND, count=1)


def upgrade_is_lost(gateway):
    gateway.upgrade = STRIP


def everything_is_limited(gateway):
    gateway.limit = Limit(rate=20.0, answer=html(503, "Service Temporarily Unavailable"))


@pytest.mark.acceptance
@pytest.mark.slow
@pytest.mark.parametrize(
    "trouble", [answers_are_replaced, sends_are_refused, upgrade_is_lost, everything_is_limited]
)
def test_each_message_is_answered_once_whatever_stands_in_between(tmp_path, gateway, household, trouble):
    trouble(gateway)
    with Daemon(tmp_path, gateway.base_url, SOON, household) as daemon:
        for number in range(MESSAGES):
            household.say(number)
        household.wait_answers(BOUND_SECONDS)
        household.say(MESSAGES)  # by then a second answer to an earlier one would have come
        household.wait_answers(BOUND_SECONDS)

        assert household.answers() == household.questions(), "\n".join(daemon.lines)


@pytest.mark.acceptance
@pytest.mark.slow
def test_where_one_connection_is_allowed_the_calls_get_it_soon_and_that_is_named(
    tmp_path, gateway, household
):
    gateway.max_active = 1
    with Daemon(tmp_path, gateway.base_url, SOON, household) as daemon:
        for number in range(MESSAGES):
            household.say(number)
        is_answered = household.wait_answers(BOUND_SECONDS) is not None

        assert is_answered, "\n".join(daemon.lines)
        assert household.answers() == household.questions(), "\n".join(daemon.lines)
        assert "connection_limit" in daemon.causes(), "\n".join(daemon.lines)


@pytest.mark.acceptance
@pytest.mark.slow
def test_what_a_gateway_says_to_everything_costs_the_wait(tmp_path, gateway, household):
    for answer in (LOGIN_PAGE, redirect("https://login.example/")):
        gateway.replace(answer, count=5)
    gateway.replace(html(503, "Maintenance"))
    with Daemon(tmp_path, gateway.base_url, SOON, household) as daemon:
        for number in range(MESSAGES):
            household.say(number)
        assert not daemon.wait_ready(4.0)
        gateway.clear()
        household.wait_answers(BOUND_SECONDS)

        assert household.answers() == household.questions(), "\n".join(daemon.lines)
