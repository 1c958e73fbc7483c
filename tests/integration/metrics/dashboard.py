"""The dashboard as Grafana reads it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

DASHBOARD: Final = Path(__file__).parents[3] / "systemd" / "monitoring" / "dashboard.json"

_VARIABLES: Final = {"$__rate_interval": "5m", "$agent": ".*"}
"""What Grafana fills in before it asks Prometheus."""


def panels() -> list[dict[str, Any]]:
    """Those that show something."""
    return [panel for panel in json.loads(DASHBOARD.read_text())["panels"] if panel["type"] != "row"]


def expressions() -> list[str]:
    """What is asked of Prometheus."""
    return [_filled(target["expr"]) for panel in panels() for target in panel["targets"]]


def _filled(expr: str) -> str:
    for variable, value in _VARIABLES.items():
        expr = expr.replace(variable, value)
    return expr
