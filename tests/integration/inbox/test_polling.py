"""The stream cannot be had, and calls are answered: looks carry the service, and the operator is told why."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from types import SimpleNamespace

import pytest

from mycel_runtime.sdk.network import Network
from tests.integration.inbox.conftest import DEADLINE, running
from tests.road.forward_proxy import ForwardProxy
from tests.road.gateway import STRIP, Gateway
from tests.road.message import html

HANDSHAKE = "GET /api/runtime/inbox/subscribe"


def behind(gateway, home):
    """The same home, as it is seen through the gateway."""
    return dataclasses.replace(home, backend=SimpleNamespace(base_url=gateway.base_url))


@contextlib.contextmanager
def stripping(backend):
    with Gateway(backend.port) as gateway:
        gateway.upgrade = STRIP
        yield gateway, {}


def answering(status, text):
    @contextlib.contextmanager
    def between(backend):
        with Gateway(backend.port) as gateway:
            gateway.upgrade = html(status, text)
            yield gateway, {}

    return between


@contextlib.contextmanager
def forbidding_connect(backend):
    with ForwardProxy() as proxy:
        proxy.forbids_connect = True
        yield SimpleNamespace(base_url=backend.base_url), {"network": Network(proxy=proxy.base_url)}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("between", "cause"),
    [
        pytest.param(stripping, "upgrade_missing", id="headers-lost"),
        pytest.param(answering(426, "Upgrade Required"), "upgrade_missing", id="426"),
        pytest.param(answering(200, "Welcome"), "login_page", id="page"),
        pytest.param(forbidding_connect, "proxy_refused", id="connect-forbidden"),
    ],
)
async def test_what_lets_calls_through_and_no_stream_costs_seconds_and_is_named_once(
    home, tmp_path, between, cause
):
    """At the next look, though with a stream looks are an hour apart."""
    intervals = {"reconcile_interval": 3600, "suspect_interval": 0.3, "backoff_base": 0.3, "backoff_cap": 1.0}
    with between(home.backend) as (gateway, options):
        async with running(behind(gateway, home), tmp_path / "s", **intervals, **options) as runtime:
            begun = await runtime.memory.wait("polling.begun")
            for number in range(3):
                await home.say(f"{number}")
                await runtime.until_heard(*(f"{each}" for each in range(number + 1)))
            await runtime.memory.wait("stream.ended", 4)

    assert begun.cause == cause
    assert begun.fix
    assert len(runtime.memory.named("polling.begun")) == 1
    assert not runtime.memory.named("stream.connected")


@pytest.mark.slow
async def test_the_stream_is_taken_back_when_it_can_be_had(home, tmp_path):
    intervals = {"reconcile_interval": 3600, "suspect_interval": 0.3, "backoff_base": 0.1, "backoff_cap": 0.3}
    with Gateway(home.backend.port) as gateway:
        gateway.upgrade = STRIP
        async with running(behind(gateway, home), tmp_path / "s", **intervals) as runtime:
            await runtime.memory.wait("polling.begun")
            gateway.clear()
            ended = await runtime.memory.wait("polling.ended")
            await home.say("one")
            await runtime.until_heard("one")

    assert 0 < ended.lasted < DEADLINE
    assert len(runtime.memory.named("stream.connected")) == 1


@pytest.mark.slow
async def test_where_one_connection_is_allowed_the_calls_get_it_and_the_operator_is_told(home, tmp_path):
    """With the stream in it we would hear, and could neither read nor answer."""
    intervals = {"reconcile_interval": 3600, "suspect_interval": 0.3}
    with Gateway(home.backend.port) as gateway:
        gateway.max_active = 1
        async with running(behind(gateway, home), tmp_path / "s", **intervals) as runtime:
            begun = await runtime.memory.wait("polling.begun")
            await home.say("one")
            await runtime.until_heard("one")
            handshakes = gateway.calls[HANDSHAKE]

    assert begun.cause == "connection_limit"
    assert "limit_conn" in begun.fix
    assert handshakes <= 2, "and it is left in peace with the stream"
    assert not runtime.memory.named("polling.ended")


@pytest.mark.slow
async def test_the_stream_comes_soon_after_the_first_call_that_gets_through_again(home, tmp_path):
    """Not when its own wait is over, which has grown while the way was cut."""
    loop = asyncio.get_running_loop()
    cap = 12.0  # seconds; the first wait is three quarters of it at least
    intervals = {"reconcile_interval": 0.3, "backoff_base": cap, "backoff_cap": cap}
    with Gateway(home.backend.port) as gateway:
        gateway.hang_up(is_carried_out=False)
        async with running(behind(gateway, home), tmp_path / "s", **intervals) as runtime:
            await runtime.memory.wait("stream.retry_scheduled")
            await runtime.memory.wait("reconcile.failed")
            gateway.clear()
            await runtime.memory.wait("reconcile.finished")
            answered = loop.time()
            await runtime.memory.wait("stream.connected")
            waited = loop.time() - answered

    print(f"\nthe stream stands {waited:.2f} s after the first look, of at most {cap / 12} and the handshake")
    assert waited < cap / 2


@pytest.mark.slow
async def test_a_stream_that_was_lost_with_the_way_is_replaced_when_the_way_is_found(home, tmp_path):
    """Its ping would have told that it is dead, later."""
    intervals = {"reconcile_interval": 0.3, "ping_interval": 3600, "ping_timeout": 0.5}
    with Gateway(home.backend.port) as gateway:
        async with running(behind(gateway, home), tmp_path / "s", **intervals) as runtime:
            await runtime.memory.wait("reconcile.finished")
            home.backend.faults.half_open_streams()
            gateway.hang_up(path="/api/chats")
            await runtime.memory.wait("reconcile.failed")
            gateway.clear()
            ended = await runtime.memory.wait("stream.ended")
            await runtime.memory.wait("stream.connected", 2)

    assert "calls get through again" in ended.reason


@pytest.mark.slow
async def test_a_stream_that_survived_a_cut_is_kept(home, tmp_path):
    intervals = {"reconcile_interval": 0.3, "ping_interval": 3600}
    with Gateway(home.backend.port) as gateway:
        async with running(behind(gateway, home), tmp_path / "s", **intervals) as runtime:
            await runtime.memory.wait("reconcile.finished")
            gateway.hang_up(path="/api/chats")
            await runtime.memory.wait("reconcile.failed")
            gateway.clear()
            before = len(runtime.memory.named("reconcile.finished"))
            await runtime.memory.wait("reconcile.finished", before + 3)

    assert not runtime.memory.named("stream.ended")
