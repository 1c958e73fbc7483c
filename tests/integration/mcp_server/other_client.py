"""
Another client of the Model Context Protocol, `fastmcp`, beside a daemon of its own.

`make mcp-clients` installs it in an environment of its own, and runs this: `python -m
tests.integration.mcp_server.other_client PYTHON`, whose Python has it.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from mycel_runtime.cli.conversation import open_conversation
from mycel_runtime.daemon.control import ask_status
from mycel_runtime.errors import ControlError

ROOT = Path(__file__).parents[3]
SECONDS = 120.0

PLUGIN = """
from mycel_runtime import Plugin

plugin = Plugin("quiet")


@plugin.on_start
async def begin(ctx):
    ctx.log.info("quiet.started")
"""
CONFIG = """
[agent]
name = "quiet"
base_url = "embedded"
state_dir = "state"

[plugins.quiet]
path = "quiet.py"
"""
EXPECTED = """\
tools 9
early True not said
read hello
reply said
odd True True
"""


def is_ready(state_dir):
    """Whether the daemon hears."""
    try:
        return ask_status(state_dir).ready
    except ControlError:
        return False


def main():
    """Print what the client was told; exit with 1 if that is not as expected."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "agent.toml"
        config.write_text(CONFIG)
        config.with_name("quiet.py").write_text(PLUGIN)
        ours = [sys.executable, "-m", "mycel_runtime"]
        daemon = subprocess.Popen([*ours, "run", "--config", config], cwd=ROOT, stderr=subprocess.DEVNULL)
        try:
            ends_at = time.monotonic() + SECONDS
            while not is_ready(Path(folder) / "state"):
                assert time.monotonic() < ends_at, "the daemon is not ready"
                time.sleep(0.1)
            open_conversation(config, None, None).say("hello")
            session = [sys.argv[1], str(Path(__file__).with_name("fastmcp_session.py"))]
            done = subprocess.run(
                [*session, *ours, "mcp", "--config", str(config)],
                cwd=ROOT,
                capture_output=True,
                text=True,
                timeout=SECONDS,
                check=False,
            )
        finally:
            daemon.terminate()
            daemon.wait(SECONDS)
    print(done.stdout, end="")
    if done.stdout != EXPECTED:
        sys.exit(f"expected:\n{EXPECTED}\n{done.stderr}")


if __name__ == "__main__":
    main()
