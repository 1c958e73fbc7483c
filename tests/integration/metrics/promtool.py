"""
The alerts and the dashboard, checked by Prometheus' own tool: `python -m tests.integration.metrics.promtool`.

The configuration, every rule and every expression of the dashboard parses, and each alert fires when it must and only
then. Needs promtool, of Debian's package `prometheus`; ends with 75 without it.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

import yaml

from tests.integration.metrics.alerts import ALERTS, TRIALS, unit_tests
from tests.integration.metrics.dashboard import expressions

CONFIG: Final = ALERTS.with_name("prometheus.yml")
DEADLINE_SECONDS: Final = 120.0
NOT_HERE: Final = 75


def as_rules(found: list[str]) -> str:
    """A file of rules with these expressions: what promtool can parse."""
    records = [{"record": f"dashboard:{number}", "expr": expr} for number, expr in enumerate(found)]
    return yaml.safe_dump({"groups": [{"name": "dashboard", "rules": records}]})


def check(promtool: str, folder: Path) -> int:
    """The exit status of the first that fails, or 0."""
    dashboard, tests = folder / "dashboard.yml", folder / "tests.yml"
    dashboard.write_text(as_rules(expressions()))
    tests.write_text(unit_tests())
    for command in (
        ["check", "config", str(CONFIG)],
        ["check", "rules", "--lint=all", "--lint-fatal", str(ALERTS)],
        ["check", "rules", str(dashboard)],
        ["test", "rules", str(tests)],
    ):
        ended = subprocess.run([promtool, *command], timeout=DEADLINE_SECONDS, check=False)
        if ended.returncode:
            return ended.returncode
    print(
        f"configuration checked, {len(TRIALS)} alerts tried, {len(expressions())} expressions of the dashboard parsed"
    )
    return 0


def main() -> int:
    """Exit status."""
    if (promtool := shutil.which("promtool")) is None:
        print("NOT CHECKED: promtool is not installed: apt-get install prometheus", file=sys.stderr)
        return NOT_HERE
    with tempfile.TemporaryDirectory() as folder:
        return check(promtool, Path(folder))


if __name__ == "__main__":
    sys.exit(main())
