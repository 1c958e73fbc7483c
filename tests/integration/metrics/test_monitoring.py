"""
The alerts and the dashboard that come with the runtime ask for what it tells.

That each alert fires when it must is tried by Prometheus' own tool: `make alerts`.
"""

from __future__ import annotations

import json
import re
import shutil

import pytest
import yaml

from mycel_runtime.daemon.metrics.metric import AGENT
from mycel_runtime.daemon.metrics.process_metrics import LIBRARY_METRICS, PROCESS_METRICS
from mycel_runtime.daemon.metrics.table import METRICS
from mycel_runtime.daemon.reports.journal_report import FEW_FREE_BYTES, LEAST_FREE_BYTES
from tests.integration.metrics import promtool
from tests.integration.metrics.alerts import ALERTS, TRIALS, WELL, rules
from tests.integration.metrics.dashboard import DASHBOARD, expressions, panels

SUFFIXES = {"histogram": ("_bucket", "_count", "_sum"), "counter": ("",), "gauge": ("",)}
LABELS = {
    metric.full_name + suffix: {*metric.labels}
    | ({AGENT} - ({AGENT} if metric in PROCESS_METRICS else set()))
    | ({"le"} if suffix == "_bucket" else set())
    for metric in METRICS
    for suffix in SUFFIXES[metric.kind]
} | {name: set() for name in LIBRARY_METRICS}
"""Of each name that Prometheus knows a series by."""

OF_PROMETHEUS = {"instance", "job"}


def named(expr):
    """Each series that an expression asks for, with the labels that it names in braces."""
    for name, selector in re.findall(r"\b((?:mycel_runtime|process)_\w+)(?:\{([^}]*)\})?", expr):
        yield name, set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", selector))


def grouped(expr):
    """Labels that it groups by."""
    return {label.strip() for found in re.findall(r"\bby \(([^)]*)\)", expr) for label in found.split(",")}


def mistakes(expr):
    asked = list(named(expr))
    known = set.union(*(LABELS.get(name, set()) for name, _ in asked), OF_PROMETHEUS)
    unknown = [name for name, labels in asked if name not in LABELS or labels - LABELS[name] - OF_PROMETHEUS]
    return unknown + sorted(grouped(expr) - known)


def test_every_expression_asks_for_metrics_and_labels_that_there_are():
    asked = [*expressions(), *(rule["expr"] for rule in rules())]

    assert {expr: mistakes(expr) for expr in asked if mistakes(expr) or not list(named(expr))} == {}
    assert mistakes("rate(mycel_runtime_no_such_total[5m]) + mycel_runtime_ready{chat='c'}") != []
    assert mistakes("sum by (chat) (mycel_runtime_ready)") == ["chat"]


def test_every_alert_says_what_to_do_and_is_tried():
    assert [trial.alert for trial in TRIALS] == [rule["alert"] for rule in rules()]
    for rule in rules():
        assert rule["labels"] in ({"severity": "page"}, {"severity": "ticket"}), rule
        assert set(rule["annotations"]) == {"summary", "description"}, rule
        assert all(text.endswith((".", ").")) for text in rule["annotations"].values()), rule
    tried = [name for trial in TRIALS for name in (WELL | trial.series)]
    assert {series: mistakes(series) for series in tried if mistakes(series)} == {}


def test_little_room_is_what_status_takes_for_little():
    said = {rule["alert"]: rule["expr"].split(" < ")[1] for rule in rules() if "free_bytes" in rule["expr"]}
    assert said == {"MycelDiskFull": str(LEAST_FREE_BYTES), "MycelDiskScarce": str(FEW_FREE_BYTES)}


def test_absence_is_an_alert():
    """What is not scraped has no value that could be too high."""
    absent = [rule["alert"] for rule in rules() if re.search(r"absent_over_time|unless", rule["expr"])]
    assert absent == ["MycelRuntimeAbsent", "MycelAgentGone"]


def test_dashboard_is_one_that_grafana_takes():
    dashboard = json.loads(DASHBOARD.read_text())

    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(set(ids)) == len(ids)
    assert {variable["name"] for variable in dashboard["templating"]["list"]} == {"datasource", "agent"}
    assert "__inputs" not in dashboard
    for panel in panels():
        place = panel["gridPos"]
        assert 0 <= place["x"] <= place["x"] + place["w"] <= 24, panel
        assert all(panel[key] for key in ("title", "description", "targets")), panel
        assert panel["datasource"]["uid"] == "${datasource}", panel
        for target in panel["targets"]:
            shown = set(re.findall(r"{{(\w+)}}", target["legendFormat"]))
            assert shown <= set.union(*(LABELS[name] for name, _ in named(target["expr"])), OF_PROMETHEUS), (
                target
            )
    cells = [
        (panel["gridPos"]["x"] + x, panel["gridPos"]["y"] + y)
        for panel in dashboard["panels"]
        for x in range(panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["h"])
    ]
    assert len(set(cells)) == len(cells)


def test_prometheus_scrapes_what_the_guide_has_opened_and_takes_the_alerts():
    config = yaml.safe_load(promtool.CONFIG.read_text())

    (job,) = config["scrape_configs"]
    ((target,),) = [each["targets"] for each in job["static_configs"]]
    guides = [promtool.CONFIG.parents[1] / name for name in ("README.md", "metrics.md")]
    assert all(f'[http] listen = "{target}"' in guide.read_text() for guide in guides)
    assert job["metrics_path"] == "/metrics"
    assert [(promtool.CONFIG.parent / name).resolve() for name in config["rule_files"]] == [ALERTS.resolve()]
    assert set(config) == {"global", "rule_files", "scrape_configs"}


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("promtool") is None, reason="no promtool: apt-get install prometheus")
def test_prometheus_own_tool_agrees(tmp_path):
    assert promtool.check(shutil.which("promtool"), tmp_path) == 0
