"""`make page`: the page in a real browser. `python -m tests.page [ROW ...]`; ends with 75 where none is."""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from pathlib import Path

from tests.integration.http.conftest import opened_stage
from tests.page.browser import browser
from tests.page.rows import AXE, ROWS

BEGIN = """
from mycel_runtime.daemon.http import listener
listener.SAMPLE_SECONDS = 0.5
listener._FIRST_SAMPLE_SECONDS = 0.5
"""
"""Hours in seconds, for the charts."""

MORE = "[dispatch]\nsettle_grace = 0.1\npark_after = 0.2\nretry_base = 0.5\nretry_cap = 1.0\n"


def main(names):
    """The exit code."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None or not AXE.exists():
        print(
            "SKIPPED: no chromium or no axe-core here; tests/page/install.sh installs them", file=sys.stderr
        )
        return 75
    pictures = Path(tempfile.mkdtemp(prefix="page-pictures-"))
    failed = []
    with (
        tempfile.TemporaryDirectory() as folder,
        opened_stage(Path(folder), begin=BEGIN, more=MORE) as stage,
        browser(program) as running,
    ):
        _prepare(stage)
        for name in names or ROWS:
            began = time.monotonic()
            try:
                for line in ROWS[name](stage, running, pictures):
                    print(f"  {line}")
            except AssertionError as exc:
                failed.append(name)
                print(f"FAILED {name}: {exc}")
            else:
                print(f"ok {name}, {time.monotonic() - began:.1f} s")
    print(f"Pictures: {pictures}")
    return 1 if failed else 0


def _prepare(stage):
    """Something of each kind: answers, dead letters, a send in doubt."""
    for number in range(5):
        for _ in range(number):
            stage.say("beside it")
        stage.answered(f"hello {number}")
    for text in ("fail first", "fail second", "fail third"):
        buried = len(stage.process.events("delivery.buried"))
        stage.say(text)
        stage.process.wait_for(lambda process, least=buried: len(process.events("delivery.buried")) > least)
    stage.backend.faults.lose_answer_and_history(nth=2)
    stage.say("in doubt")
    stage.process.wait_event("send.parked")  # and in doubt it stays, while the history cannot be read


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
