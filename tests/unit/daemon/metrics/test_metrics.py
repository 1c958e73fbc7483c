"""What `/metrics` tells is what `status` tells, and its labels are closed lists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as prometheus

from mycel_runtime.daemon.metrics.agent_metrics import AgentMetrics
from mycel_runtime.daemon.metrics.exposition import expose
from mycel_runtime.daemon.metrics.table import METRICS, table
from mycel_runtime.daemon.reports.hearing_report import HearingReport, StreamTroubleReport
from mycel_runtime.daemon.reports.network_report import CauseReport, NetworkReport
from mycel_runtime.daemon.reports.plugin_report import PluginReport
from mycel_runtime.daemon.reports.program_report import ProgramReport
from mycel_runtime.daemon.reports.speaking_report import OpenQuestionsReport, SpeakingReport
from mycel_runtime.daemon.reports.work_report import (
    BlockedChatReport,
    OldestReport,
    PauseReport,
    WorkReport,
)
from mycel_runtime.daemon.status import LogReport, Status
from mycel_runtime.journal.engines import engine_of
from mycel_runtime.observe import facts
from mycel_runtime.observe.counters import Counters
from mycel_runtime.observe.facts import (
    DeliveryBuried,
    DeliveryFinished,
    DeliveryPostponed,
    FramesCommitted,
    MessageSent,
    SendConflicted,
    StreamConnected,
)
from mycel_runtime.sdk.cause import Cause

ROOT = Path(__file__).parents[4]
CANARY = "canary-7f3a"
CLOSED_LABELS = {
    "agent",
    "plugin",
    "handler",
    "outcome",
    "decision",
    "purpose",
    "operation",
    "kind",
    "cause",
} | {*("event", "state", "file", "le", "version", "python", "sqlite")}

STATUS = Status(
    agent="a",
    server=f"http://{CANARY}",
    user_id=CANARY,
    version="1",
    pid=7,
    started_at=1.0,
    now=100.0,
    ready=False,
    problems=(CANARY,),
    network=NetworkReport(
        failing_since=40.0,
        causes=(
            CauseReport(cause="backend_down", since=1, last_at=2, failures=3, detail=CANARY, fix=CANARY),
        ),
    ),
    hearing=HearingReport(
        connected=True,
        epoch=2,
        since_seq=345,
        lag=5,
        proven_at=90.0,
        reconciled_at=70.0,
        unannounced_chats=4,
        trouble=StreamTroubleReport(cause="unknown", reason=CANARY, since=1.0, polled=True, fix=CANARY),
    ),
    speaking=SpeakingReport(
        sent=5,
        sent_at=99.0,
        unknown=6,
        questions=OpenQuestionsReport(count=3, plugin="p", name=CANARY, chat_id=CANARY, since=50.0),
        held=(CANARY,),
    ),
    work=WorkReport(
        due=8,
        oldest=OldestReport(handler="p.f", lane=CANARY, chat_id=CANARY, attempts=1, since=10.0, due_at=99.0),
        blocked_chats=(BlockedChatReport(chat_id=CANARY, operation="send", since=1.0, reason=CANARY),),
        dead_letters=9,
        paused=(PauseReport(kind="chat", name=CANARY, since=1.0),),
    ),
    plugins=(PluginReport(name="p", state="left_alone", reason=CANARY, retry_at=200.0),),
    program=ProgramReport(running="1", installed="2", config="drift"),
    log=LogReport(dropped_lines=11, traces_lost=f"http://{CANARY}", capture_failed="SQLITE_FULL"),
    events={"deafness.detected": 2, "stream.ended": 3},
)


@pytest.fixture
def metrics():
    return AgentMetrics("a", ["p.f"])


def samples(text, parse=prometheus):
    """Values by name and labels, without the label of the agent, which all have."""
    found = {}
    for family in parse(text):
        for each in family.samples:
            assert each.labels.get("agent") == "a", each
            labels = tuple(sorted((name, value) for name, value in each.labels.items() if name != "agent"))
            assert (each.name, labels) not in found
            found[each.name.removeprefix("mycel_runtime_"), labels] = each.value
    return found


def exposed(metrics, folder, accept=""):
    return expose(metrics.families(STATUS, engine_of(folder).files, folder), accept)


def test_levels_are_those_of_the_status(metrics, tmp_path):
    (tmp_path / "journal.sqlite3").write_bytes(b"x" * 4096)

    found = samples(exposed(metrics, tmp_path).text.decode())

    expected = {
        ("ready", ()): 0,
        ("stream_up", ()): 1,
        ("stream_last_proof_age_seconds", ()): 10,
        ("reconcile_age_seconds", ()): 30,
        ("calls_failing_seconds", ()): 60,
        ("network_trouble", (("cause", "backend_down"),)): 1,
        ("network_trouble", (("cause", "timeout"),)): 0,
        ("stream_trouble", (("cause", "unknown"),)): 1,
        ("checkpoint_seq", ()): 345,
        ("delivery_oldest_age_seconds", ()): 90,
        ("chats_blocked", (("operation", "read"),)): 0,
        ("chats_blocked", (("operation", "send"),)): 1,
        ("chats_held", ()): 1,
        ("plugin_state", (("plugin", "p"), ("state", "left_alone"))): 1,
        ("plugin_state", (("plugin", "p"), ("state", "running"))): 0,
        ("pauses", (("kind", "chat"),)): 1,
        ("pauses", (("kind", "agent"),)): 0,
        ("config_drift", ()): 1,
        ("restart_wanted", ()): 1,
        ("journal_lag_frames", ()): 5,
        ("replies_unknown", ()): 6,
        ("questions_open", ()): 3,
        ("dead_letters", ()): 9,
        ("log_dropped_lines_total", ()): 11,
        ("traces_lost", ()): 1,
        ("capture_failed", ()): 1,
        ("deaf_detected_total", ()): 2,
        ("reconnects_total", ()): 3,
        ("events_total", (("event", "stream.ended"),)): 3,
        ("journal_size_bytes", (("file", "journal"),)): 4096,
        ("journal_size_bytes", (("file", "log"),)): 0,
    }
    assert {key: found.get(key) for key in expected} == expected


def test_facts_and_durations_are_counted_under_plugin_and_handler(metrics, tmp_path):
    for fact in (
        FramesCommitted(received=10, new=7, epoch=1, since_seq=1),
        DeliveryFinished(handler="p.f", lane=CANARY, shown=1, sends=1, took=0.1),
        DeliveryPostponed(handler="p.f", lane=CANARY, reason=CANARY, attempts=1, spent=True, retry_in=1.0),
        DeliveryPostponed(handler="p.f", lane=CANARY, reason=CANARY, attempts=1, spent=False, retry_in=1.0),
        DeliveryBuried(handler="gone.g", lane=CANARY, reason=CANARY, attempts=1),
        MessageSent(handler="p.f", chat_id=CANARY, message_seq=1),
        MessageSent(handler="p.f", chat_id=CANARY, message_seq=2, recovered=True),
        SendConflicted(handler="p.f", chat_id=CANARY, unseen=1),
        StreamConnected(epoch=1, since_seq=1),
    ):
        metrics.facts.tell(fact)
    metrics.durations.waited("p.f", 0.02)
    metrics.durations.handled("gone.g", 2.0)
    metrics.durations.committed(0.001, 3)
    metrics.durations.called("send", "conflict", 0.1)

    text = exposed(metrics, tmp_path).text.decode()
    found = samples(text)

    def delivery(plugin, handler, outcome):
        return found["deliveries_total", (("handler", handler), ("outcome", outcome), ("plugin", plugin))]

    assert [delivery("p", "f", each) for each in ("finished", "failed", "deferred", "buried")] == [1, 1, 1, 0]
    assert delivery("gone", "g", "buried") == 1
    assert (found["frames_received_total", ()], found["frames_duplicate_total", ()]) == (10, 3)
    assert found["sends_total", (("outcome", "recovered"), ("plugin", "p"))] == 1
    assert found["send_conflicts_total", (("plugin", "p"),)] == 1
    assert found["delivery_waiting_seconds_sum", (("plugin", "p"),)] == 0.02
    assert found["handler_duration_seconds_count", (("handler", "g"), ("plugin", "gone"))] == 1
    assert (found["journal_commit_duration_seconds_count", ()], found["journal_operations_total", ()]) == (
        1,
        3,
    )
    assert found["calls_total", (("outcome", "conflict"), ("purpose", "send"))] == 1
    assert CANARY not in text


def test_openmetrics_is_given_to_who_asks_for_it(metrics, tmp_path):
    accept = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.4,*/*;q=0.1"

    asked = exposed(metrics, tmp_path, accept)

    assert asked.content_type.startswith("application/openmetrics-text; version=1.0.0")
    assert samples(asked.text.decode(), openmetrics) == samples(exposed(metrics, tmp_path).text.decode())
    assert CANARY not in asked.text.decode()


def test_agents_of_one_process_stand_on_one_page(tmp_path):
    both = [AgentMetrics(name, ["p.f"]) for name in ("a", "b")]

    text = expose(
        [family for each in both for family in each.families(STATUS, engine_of(tmp_path).files, tmp_path)], ""
    ).text.decode()

    agents = {family.name: {each.labels["agent"] for each in family.samples} for family in prometheus(text)}
    assert {name: found for name, found in agents.items() if found and found != {"a", "b"}} == {}
    assert len(re.findall(r"^# TYPE mycel_runtime_ready ", text, re.MULTILINE)) == 1


def test_every_metric_has_a_prometheus_name_a_meaning_and_closed_labels():
    names = [metric.name for metric in METRICS]

    assert len(set(names)) == len(names)
    for metric in METRICS:
        assert re.fullmatch(r"[a-z]+(_[a-z]+)*", metric.name), metric
        assert (metric.kind == "counter") == metric.name.endswith("_total"), metric
        assert metric.meaning.endswith("."), metric
        assert set(metric.labels) <= CLOSED_LABELS, metric


def test_every_fact_is_an_event_and_every_cause_a_trouble(metrics, tmp_path):
    found = samples(exposed(metrics, tmp_path).text.decode())

    told = {dict(labels)["event"] for name, labels in found if name == "events_total"}
    assert told >= {getattr(facts, name).name for name in facts.__all__ if name not in {"Fact", "Level"}}
    causes = {dict(labels)["cause"] for name, labels in found if name == "network_trouble"}
    assert causes == {cause.value for cause in Cause}


def test_counters_of_events_are_those_of_the_status(tmp_path):
    """Nobody has to keep two counts in step: there is one."""
    counters, metrics = Counters(lambda: 1.0), AgentMetrics("a", [])
    for _ in range(3):
        counters.tell(StreamConnected(epoch=1, since_seq=1))
    status = STATUS.model_copy(update={"events": dict(counters.counts)})

    found = samples(expose(metrics.families(status, engine_of(tmp_path).files, tmp_path), "").text.decode())

    assert found["stream_connects_total", ()] == found["events_total", (("event", "stream.connected"),)] == 3


def test_the_page_has_the_table_as_it_is():
    """`python -m mycel_runtime.daemon.metrics.table` prints what has to stand there."""
    assert table() in (ROOT / "systemd" / "metrics.md").read_text()
