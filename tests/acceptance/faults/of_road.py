"""Faults of hearing, and of what lies between the agent and its backend."""

from __future__ import annotations

import contextlib

from tests.acceptance.faults.fault import Fault
from tests.road.gateway import STRIP
from tests.road.message import html, redirect

CALLS = "/api/(?!runtime/inbox/subscribe)"
"""Any path but the stream's."""


@contextlib.contextmanager
def unreachable_backend(world):
    world.backend.stop()
    yield
    world.backend.start()


@contextlib.contextmanager
def gateways_401(world):
    """The stream stands, and a gateway that knows no token answers all calls."""
    world.gateway.replace(html(401, "Authorization Required"), path=CALLS)
    yield
    world.gateway.clear()


@contextlib.contextmanager
def redirected_calls(world):
    world.gateway.replace(redirect("https://sso.test/login"), path=CALLS)
    yield
    world.gateway.clear()


@contextlib.contextmanager
def stream_without_upgrade(world):
    world.gateway.upgrade = STRIP
    world.backend.faults.drop_streams()
    yield
    world.gateway.clear()


@contextlib.contextmanager
def deaf_stream(world):
    """It stands, and announces nothing."""
    world.backend.faults.swallow_wakes(10**6)
    world.say("hello")
    yield
    world.backend.faults.clear()


@contextlib.contextmanager
def clock_set_back(world):
    """For longer than an interval, while nobody answers: the first answer is proof again."""
    world.gateway.hang_up(path=CALLS, is_carried_out=False)
    world.set_clock(-3600.0)
    yield
    world.set_clock(0.0)
    world.gateway.clear()


@contextlib.contextmanager
def lost_traces(world):
    world.traces.is_refusing = True
    world.say("hello")
    yield
    world.traces.is_refusing = False
    world.say("hello again")


FAULTS = (
    Fault(
        of=lost_traces,
        is_told=lambda now: now.log.traces_lost.startswith("http://127.0.0.1:"),
        words="does not take traces: they are lost",
        metric=("traces_lost", {}),
    ),
    Fault(
        of=unreachable_backend,
        is_told=lambda now: not now.ready and not now.hearing.connected,
        words="! the stream is not connected",
        metric=("calls_failing_seconds", {}),
        unready="the stream is not connected",
    ),
    Fault(
        of=gateways_401,
        is_told=lambda now: (
            [each.cause for each in now.network.causes] == ["credentials_demanded"] and not now.ready
        ),
        words="credentials_demanded",
        metric=("network_trouble", {"cause": "credentials_demanded"}),
        unready="every call fails since",
    ),
    Fault(
        of=redirected_calls,
        is_told=lambda now: [each.cause for each in now.network.causes] == ["redirected"] and not now.ready,
        words="https://sso.test/login",
        metric=("network_trouble", {"cause": "redirected"}),
        unready="every call fails since",
    ),
    Fault(
        of=stream_without_upgrade,
        is_told=lambda now: now.hearing.trouble is not None and now.hearing.trouble.polled,
        words="messages are polled for: upgrade_missing",
        metric=("stream_trouble", {"cause": "upgrade_missing"}),
        unready="the stream is not connected",
    ),
    Fault(
        of=deaf_stream,
        is_told=lambda now: now.hearing.unannounced_chats,
        words="that the stream has not announced",
        metric=("unannounced_chats", {}),
        unready="that the stream has not announced",
    ),
    Fault(
        of=clock_set_back,
        is_told=lambda now: any("the clock was set back" in each for each in now.problems),
        words="! the clock was set back since the server was last asked",
        metric=None,
        unready="the clock was set back",
    ),
)
