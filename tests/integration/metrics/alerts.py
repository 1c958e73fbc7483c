"""
The alerts, each tried: with values that must make it fire, and with those of an agent that is well.

What is written here becomes a file of promtool's own unit tests, in which every series is scraped once a minute.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import yaml

ROOT: Final = Path(__file__).parents[3]
ALERTS: Final = ROOT / "systemd" / "monitoring" / "alerts.yml"

WELL: Final = {
    'mycel_runtime_ready{agent="well"}': "1x120",
    'mycel_runtime_reconcile_age_seconds{agent="well"}': "20x120",
    'mycel_runtime_reconnects_total{agent="well"}': "0+0.05x120",
    'mycel_runtime_deaf_detected_total{agent="well"}': "0x60 1x60",
    'mycel_runtime_twins_detected_total{agent="well"}': "0x120",
    'mycel_runtime_delivery_oldest_age_seconds{agent="well"}': "800x120",
    'mycel_runtime_deliveries_total{agent="well",plugin="p",handler="f",outcome="finished"}': "0+9x120",
    'mycel_runtime_deliveries_total{agent="well",plugin="p",handler="f",outcome="failed"}': "0+1x120",
    'mycel_runtime_deliveries_total{agent="well",plugin="p",handler="f",outcome="buried"}': "0x120",
    # One that failed alone: half of few is not told.
    'mycel_runtime_deliveries_total{agent="well",plugin="q",handler="f",outcome="failed"}': "0x118 1x2",
    'mycel_runtime_plugin_state{agent="well",plugin="p",state="running"}': "1x120",
    'mycel_runtime_plugin_state{agent="well",plugin="p",state="left_alone"}': "0x120",
    'mycel_runtime_restart_wanted{agent="well"}': "0x120",
    'mycel_runtime_config_drift{agent="well"}': "0x60 1x30 0x30",
    'mycel_runtime_replies_unknown{agent="well"}': "0x120",
    'mycel_runtime_chats_blocked{agent="well",operation="send"}': "0x120",
    'mycel_runtime_chats_held{agent="well"}': "0x60 1x30 0x30",
    'mycel_runtime_calls_failing_seconds{agent="well"}': "0x110 60x10",
    'mycel_runtime_journal_commit_duration_seconds_bucket{agent="well",le="0.5"}': "0+10x120",
    'mycel_runtime_journal_commit_duration_seconds_bucket{agent="well",le="+Inf"}': "0+10x120",
    'mycel_runtime_database_outages_total{agent="well"}': "0x60 2x60",
    'mycel_runtime_journal_size_bytes{agent="well",file="log"}': "16e6x120",
    'mycel_runtime_journal_free_bytes{agent="well"}': "9e9x40 2e8x30 9e9x50",
    'mycel_runtime_log_dropped_lines_total{agent="well"}': "0x120",
    'mycel_runtime_traces_lost{agent="well"}': "0x108 1x12",
    'mycel_runtime_capture_failed{agent="well"}': "0x108 1x12",
    'mycel_runtime_unhandled_errors_total{agent="well"}': "0x120",
    'mycel_runtime_observer_failures_total{agent="well"}': "0x120",
    'mycel_runtime_jobs_failed_total{agent="well"}': "0x120",
    'mycel_runtime_start_time_seconds{agent="well"}': "1000x60 5000x60",
    'mycel_runtime_build_info{instance="i",job="j"}': "1x120",
    'process_open_fds{instance="i",job="j"}': "50x120",
    'process_max_fds{instance="i",job="j"}': "1024x120",
    # Somebody else's process is no concern of ours.
    'process_open_fds{instance="other",job="other"}': "1000x120",
    'process_max_fds{instance="other",job="other"}': "1024x120",
}
"""An agent that is well, for two hours; it would page nobody."""


@dataclass(frozen=True, kw_only=True)
class Trial:
    """
    An alert, and what must make it fire.

    Attributes:
        series: By name; of an agent that is ill.
        labels: That it fires with, beside the severity.
        at: When it is looked at.
        is_alone: Without the agent that is well.
    """

    alert: str
    series: dict[str, str]
    labels: dict[str, str] = field(default_factory=lambda: {"agent": "ill"})
    at: str = "2h"
    is_alone: bool = False


def _ill(metric: str, values: str, **labels: str) -> dict[str, str]:
    named = ",".join(f'{name}="{value}"' for name, value in ({"agent": "ill"} | labels).items())
    return {f"{metric}{{{named}}}": values}


_PLUGIN: Final = {"agent": "ill", "plugin": "p"}

TRIALS: Final = (
    Trial(alert="MycelRuntimeAbsent", series={}, labels={}, is_alone=True),
    Trial(alert="MycelAgentGone", series=_ill("mycel_runtime_ready", "1x60 _x60")),
    Trial(alert="MycelAgentNotReady", series=_ill("mycel_runtime_ready", "1x110 0x10")),
    Trial(alert="MycelServerNotAsked", series=_ill("mycel_runtime_reconcile_age_seconds", "20x110 301x10")),
    Trial(alert="MycelStreamUnsteady", series=_ill("mycel_runtime_reconnects_total", "0+1x120")),
    Trial(alert="MycelStreamDeaf", series=_ill("mycel_runtime_deaf_detected_total", "0+0.1x120")),
    Trial(alert="MycelTwin", series=_ill("mycel_runtime_twins_detected_total", "0x115 1x5")),
    Trial(alert="MycelUnanswered", series=_ill("mycel_runtime_delivery_oldest_age_seconds", "0+60x120")),
    Trial(
        alert="MycelDeliveryGivenUp",
        series=_ill("mycel_runtime_deliveries_total", "0x118 1x2", plugin="p", handler="f", outcome="buried"),
        labels=_PLUGIN,
    ),
    Trial(
        alert="MycelHandlersFail",
        series=_ill("mycel_runtime_deliveries_total", "0+1x120", plugin="p", handler="f", outcome="finished")
        | _ill("mycel_runtime_deliveries_total", "0+2x120", plugin="p", handler="f", outcome="failed"),
        labels=_PLUGIN,
    ),
    Trial(
        alert="MycelPluginLeftAlone",
        series=_ill("mycel_runtime_plugin_state", "0x110 1x10", plugin="p", state="left_alone"),
        labels=_PLUGIN | {"state": "left_alone"},
    ),
    Trial(
        alert="MycelPluginNotStarted",
        series=_ill("mycel_runtime_plugin_state", "0x110 1x10", plugin="p", state="not_started"),
        labels=_PLUGIN | {"state": "not_started"},
    ),
    Trial(alert="MycelReplyUnknown", series=_ill("mycel_runtime_replies_unknown", "0x100 1x20")),
    Trial(
        alert="MycelChatBlocked", series=_ill("mycel_runtime_chats_blocked", "0x100 1x20", operation="read")
    ),
    Trial(alert="MycelChatHeld", series=_ill("mycel_runtime_chats_held", "0x50 2x70")),
    Trial(alert="MycelCallsFail", series=_ill("mycel_runtime_calls_failing_seconds", "0x110 0+60x10")),
    Trial(
        alert="MycelCommitsSlow",
        series=_ill("mycel_runtime_journal_commit_duration_seconds_bucket", "0+1x120", le="1.0")
        | _ill("mycel_runtime_journal_commit_duration_seconds_bucket", "0+10x120", le="10.0")
        | _ill("mycel_runtime_journal_commit_duration_seconds_bucket", "0+10x120", le="+Inf"),
    ),
    Trial(alert="MycelDatabaseUnsteady", series=_ill("mycel_runtime_database_outages_total", "0+1x120")),
    Trial(
        alert="MycelJournalLogGrows",
        series=_ill("mycel_runtime_journal_size_bytes", "2e9x120", file="log"),
        labels={"agent": "ill", "file": "log"},
    ),
    Trial(alert="MycelDiskFull", series=_ill("mycel_runtime_journal_free_bytes", "9e9x118 1e7x2")),
    Trial(alert="MycelDiskScarce", series=_ill("mycel_runtime_journal_free_bytes", "9e9x50 2e8x70")),
    Trial(alert="MycelLinesDropped", series=_ill("mycel_runtime_log_dropped_lines_total", "0x115 7x5")),
    Trial(alert="MycelTracesLost", series=_ill("mycel_runtime_traces_lost", "0x100 1x20")),
    Trial(alert="MycelCaptureFails", series=_ill("mycel_runtime_capture_failed", "0x100 1x20")),
    Trial(
        alert="MycelErrorUnexpected",
        series=_ill("mycel_runtime_unhandled_errors_total", "0x115 1x5")
        | _ill("mycel_runtime_observer_failures_total", "0x120")
        | _ill("mycel_runtime_jobs_failed_total", "0x120"),
    ),
    Trial(alert="MycelRestarts", series=_ill("mycel_runtime_start_time_seconds", "1x100 2x4 3x4 4x4 5x8")),
    Trial(alert="MycelRestartWanted", series=_ill("mycel_runtime_config_drift", "0x60 1x1600"), at="27h"),
    Trial(
        alert="MycelDescriptorsScarce",
        series={
            'mycel_runtime_build_info{instance="k",job="j"}': "1x120",
            'process_open_fds{instance="k",job="j"}': "1000x120",
            'process_max_fds{instance="k",job="j"}': "1024x120",
        },
        labels={"instance": "k", "job": "j"},
    ),
)


def rules() -> list[dict]:
    """All of the file."""
    return [rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]


def unit_tests() -> str:
    """For `promtool test rules`: each alert fires for who is ill, and for nobody else."""
    by_name = {rule["alert"]: rule for rule in rules()}
    tests = [_unit_test(trial, by_name[trial.alert]) for trial in TRIALS]
    tests.append(
        {
            "name": "nobody is ill",
            "interval": "1m",
            "input_series": _series(WELL),
            "alert_rule_test": [{"eval_time": "2h", "alertname": name, "exp_alerts": []} for name in by_name],
        }
    )
    return yaml.safe_dump({"rule_files": [str(ALERTS)], "evaluation_interval": "1m", "tests": tests})


def _unit_test(trial: Trial, rule: dict) -> dict:
    expected = {
        "exp_labels": rule["labels"] | trial.labels,
        "exp_annotations": {name: _filled(text, trial.labels) for name, text in rule["annotations"].items()},
    }
    return {
        "name": trial.alert,
        "interval": "1m",
        "input_series": _series(trial.series if trial.is_alone else WELL | trial.series),
        "alert_rule_test": [{"eval_time": trial.at, "alertname": trial.alert, "exp_alerts": [expected]}],
    }


def _series(values: dict[str, str]) -> list[dict]:
    return [{"series": name, "values": each} for name, each in values.items()]


def _filled(text: str, labels: dict[str, str]) -> str:
    return re.sub(r"{{ \$labels\.(\w+) }}", lambda found: labels[found[1]], text)
