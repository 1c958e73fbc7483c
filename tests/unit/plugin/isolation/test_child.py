"""A plugin's own process imports what it needs: it does so again for each run that has killed the one before."""

from __future__ import annotations

import subprocess
import sys

import pytest

from mycel_runtime.plugin.isolation.messages import encode
from mycel_runtime.plugin.isolation.process import WorkerSpec, start

USELESS = ("httpx", "websockets", "mycel_runtime.sdk", "mycel_runtime.speech.turn", "uvicorn", "sqlite3")
"""What it would take to speak to a backend, to answer the operator, or to keep a journal."""


@pytest.mark.slow
def test_plugins_process_imports_nothing_of_what_speaks_to_a_backend():
    """Half of the time that a start takes would go into it, while the handler's chat and a slot wait."""
    code = (
        "import sys; import mycel_runtime.plugin.isolation.child; from mycel_runtime import *;"
        f" print([each for each in {USELESS!r} if each in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "[]\n"


@pytest.mark.slow
def test_a_runtime_that_is_gone_before_it_is_answered_leaves_no_traceback(tmp_path):
    """A killed daemon's plugins would each write one into its log, about nothing that anybody did wrong."""
    (tmp_path / "p.py").write_text("from mycel_runtime import Plugin\nplugin = Plugin('p')\n")
    spec = WorkerSpec(name="p", table={"path": "p.py"}, config=tmp_path / "agent.toml", import_timeout=60)
    beginning = start()
    process = subprocess.Popen(beginning.command, **beginning.options, stderr=subprocess.PIPE, text=True)
    beginning.theirs.close()
    beginning.ours.sendall(encode(spec.load))
    beginning.ours.close()

    told = process.communicate(timeout=60)[1]

    assert (process.returncode, told) == (0, "")
