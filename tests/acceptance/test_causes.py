"""The daemon names what keeps it from its backend: at once in the log, while it lasts in `status` and `/readyz`."""

from __future__ import annotations

import json
import re
import socket
import ssl
import time
from dataclasses import replace

import pytest
import trustme

from mycel_runtime.sdk.cause import Cause
from tests.acceptance.conftest import until, write_config
from tests.acceptance.test_status import get
from tests.road.forward_proxy import ForwardProxy
from tests.road.gateway import STRIP, Gateway
from tests.road.message import LOGIN_PAGE, html, redirect

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]

OFTEN = "[inbox]\nreconcile_interval = 1.0\nsuspect_interval = 0.2\nbackoff_base = 0.2\nbackoff_cap = 1.0\n"

CALLS = "/api/(?!runtime/inbox/subscribe)"
"""Any path but the stream's."""


@pytest.fixture
def gateway(backend):
    with Gateway(backend.port) as running:
        yield running


@pytest.fixture
def state(tmp_path_factory):
    """A state directory whose socket has a short path."""
    return tmp_path_factory.mktemp("s")


@pytest.fixture
def config(gateway, household, tmp_path, state):
    """Of an agent whose backend is behind the gateway."""
    return config_for(replace(household, base_url=gateway.base_url), tmp_path, state)


def config_for(household, folder, state):
    config = write_config(folder / "a", household, extra=OFTEN)
    config.write_text(config.read_text().replace('"state"', f'"{state}"'))
    return config


def problems_of(answer):
    return answer.json()["problems"]


def causes_of(answer):
    return [cause["cause"] for cause in answer.json()["causes"]]


def test_stream_stands_and_no_call_gets_through(start, gateway, config, state):
    agent = start("run", "--config", config)
    agent.wait_event("stream.connected")
    assert until(lambda: get(state, "/readyz").status_code == 200)

    began = time.time()
    gateway.replace(redirect("https://sso.test/login?next=%2F"), path=CALLS)
    troubled = agent.wait_event("network.troubled")
    cause = Cause.REDIRECTED
    assert (troubled["cause"], troubled["fix"], troubled["level"]) == (cause, cause.fix, "warning")
    assert "https://sso.test/login:" in troubled["detail"]
    # That the last look was long ago may be told a moment before.
    told = re.compile(rf"every call fails since \d+ s: {cause}")
    assert until(lambda: any(map(told.fullmatch, problems_of(get(state, "/readyz")))))
    unready = get(state, "/readyz")
    assert unready.status_code == 503
    assert causes_of(unready) == [cause]
    assert began - 1.0 <= unready.json()["causes"][0]["since"] <= time.time()
    shown = start("status", "--config", config)
    assert shown.exit_code() == 75
    assert any(
        line.startswith(f"  network   {cause} since ") and line.endswith(cause.fix) for line in shown.out
    )

    gateway.clear()
    assert agent.wait_event("network.recovered")["cause"] == cause
    assert until(lambda: get(state, "/readyz").status_code == 200)
    assert causes_of(get(state, "/readyz")) == []
    assert len(agent.events("network.troubled")) == 1


def test_each_cause_is_told_with_what_the_other_side_says(start, gateway, config):
    agent = start("run", "--config", config)
    agent.wait_event("stream.connected")
    answers = [LOGIN_PAGE, html(503, "Maintenance", retry_after="2"), html(403, "Forbidden")]
    for number, answer in enumerate(answers, 1):
        gateway.replace(answer, path=CALLS)
        agent.wait_for(lambda agent, number=number: len(agent.events("network.troubled")) == number)
        gateway.clear()
        agent.wait_for(lambda agent, number=number: len(agent.events("network.recovered")) == number)
    told = [(event["cause"], event["detail"]) for event in agent.events("network.troubled")]
    assert told == [
        (Cause.LOGIN_PAGE, "HTTP 200"),
        (Cause.MAINTENANCE, "HTTP 503, back in 2 s"),
        (Cause.FOREIGN_ANSWER, "HTTP 403"),
    ]


def test_cause_is_named_before_the_backend_has_ever_answered(start, household, tmp_path, state):
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    config = config_for(replace(household, base_url=f"http://127.0.0.1:{port}"), tmp_path, state)
    agent = start("run", "--config", config)
    assert agent.wait_event("network.troubled")["cause"] == Cause.CONNECTION_REFUSED
    assert until(lambda: causes_of(get(state, "/readyz")) == [Cause.CONNECTION_REFUSED])
    report = json.loads(get(state, "/status").content)["network"]
    assert report["failing_since"] == report["causes"][0]["since"]


def test_unknown_authority(start, backend, household, tmp_path, state):
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(tls)
    with Gateway(backend.port, tls=tls) as gateway:
        config = config_for(replace(household, base_url=gateway.base_url), tmp_path, state)
        agent = start("run", "--config", config)
        assert agent.wait_event("network.troubled")["cause"] == Cause.UNKNOWN_AUTHORITY
        assert gateway.calls.total() == 0


def test_proxy_that_refuses_and_proxy_that_is_down(start, household, tmp_path, state):
    with ForwardProxy() as proxy:
        proxy.credentials = ("agent", "right")
        config = config_for(household, tmp_path, state)
        config.write_text(f'{config.read_text()}\n[network]\nproxy = "http://127.0.0.1:{proxy.port}"\n')
        agent = start("run", "--config", config)
        assert agent.wait_event("network.troubled")["cause"] == Cause.PROXY_REFUSED
    agent.wait_for(lambda agent: len(agent.events("network.troubled")) == 2)
    assert agent.events("network.troubled")[1]["cause"] == Cause.PROXY_UNREACHABLE


def test_stream_that_loses_its_upgrade_on_the_way(start, gateway, config, state):
    gateway.upgrade = STRIP
    agent = start("run", "--config", config)
    agent.wait_event("stream.ended")
    assert until(lambda: (get(state, "/readyz").json()["stream"] or {}).get("polled"))
    told = get(state, "/readyz").json()["stream"]
    assert (told["cause"], told["fix"]) == (Cause.UPGRADE_MISSING, Cause.UPGRADE_MISSING.fix)
    gateway.clear()
    assert until(lambda: get(state, "/readyz").status_code == 200)
    assert get(state, "/readyz").json()["stream"] is None
