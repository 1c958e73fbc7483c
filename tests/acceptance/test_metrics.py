"""A daemon tells numbers of what it does, over its own socket."""

from __future__ import annotations

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from mycel_runtime.daemon.metrics.process_metrics import LIBRARY_METRICS
from mycel_runtime.daemon.metrics.table import METRICS
from mycel_runtime.sdk import Client
from tests.acceptance.conftest import until, write_config

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]

TEXT = "a canary that sings of 4711"

WITHOUT_AN_OCCASION = {
    *("stream_trouble", "journal_growth_bytes_per_day"),
    *("questions_decided_total", "requests_decided_total"),
}
"""Their labels are known when something happens."""


def get(state_dir, path, **headers):
    with httpx.Client(transport=httpx.HTTPTransport(uds=str(state_dir / "control.sock"))) as client:
        return client.get(f"http://control{path}", timeout=10, headers=headers)


def values(text):
    """By name and labels."""
    return {
        (each.name, *sorted(each.labels.items())): each.value
        for family in text_string_to_metric_families(text)
        for each in family.samples
    }


def test_a_scrape_tells_what_the_status_tells_and_neither_token_nor_text(
    start, household, tmp_path, tmp_path_factory
):
    state = tmp_path_factory.mktemp("s")
    config = write_config(tmp_path / "a", household, extra='[log]\nlevel = "debug"\n')
    config.write_text(config.read_text().replace('"state"', f'"{state}"'))
    agent = start("run", "--config", config)
    agent.wait_event("stream.connected")
    with Client(base_url=household.base_url, auth_token=household.owner_token) as owner:
        chat = owner.chats.create([household.agent_id])
        owner.messages.send(chat["id"], TEXT)
        agent.wait_for(lambda process: any(each["sends"] for each in process.events("delivery.finished")))

    def scrape():
        """With the status, if nothing has happened between the two."""
        before = get(state, "/status").json()
        text, after = get(state, "/metrics"), get(state, "/status").json()
        return (text, after) if before["events"] == after["events"] else None

    scraped, status = until(scrape)

    found = values(scraped.text)
    mine = ("agent", "agent")
    echo = [("handler", "echo"), ("plugin", "echo")]
    assert scraped.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert found["mycel_runtime_deliveries_total", mine, echo[0], ("outcome", "finished"), echo[1]] >= 1
    assert found["mycel_runtime_sends_total", mine, ("outcome", "stored"), echo[1]] == 1
    assert found["mycel_runtime_handler_duration_seconds_count", mine, *echo] == 1
    assert found["mycel_runtime_delivery_waiting_seconds_count", mine, echo[1]] >= 1
    assert found["mycel_runtime_call_duration_seconds_count", mine, ("purpose", "send")] == 1
    assert found["mycel_runtime_journal_commit_duration_seconds_count", mine] > 1
    assert found["mycel_runtime_journal_size_bytes", mine, ("file", "log")] > 0
    events = {key[2][1]: value for key, value in found.items() if key[0] == "mycel_runtime_events_total"}
    assert {name: count for name, count in events.items() if count} == status["events"]
    assert found["mycel_runtime_ready", mine] == status["ready"] == 1
    assert found["mycel_runtime_checkpoint_seq", mine] == status["hearing"]["since_seq"]
    exposed = {name.removesuffix("_bucket").removesuffix("_count").removesuffix("_sum") for name, *_ in found}
    assert {metric.name for metric in METRICS if metric.full_name not in exposed} == WITHOUT_AN_OCCASION
    assert set(LIBRARY_METRICS) <= exposed

    accept = "application/openmetrics-text;version=1.0.0,text/plain;q=0.5"
    asked = get(state, "/metrics", Accept=accept)
    assert asked.headers["content-type"].startswith("application/openmetrics-text")
    assert asked.text.endswith("# EOF\n")
    for secret in (TEXT, "canary", household.agent_token, chat["id"], household.base_url):
        assert secret not in scraped.text + asked.text

    assert until(lambda: agent.stop() == 0)
