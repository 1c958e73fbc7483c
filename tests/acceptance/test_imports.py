"""What a daemon does not use is not in its process: it would cost memory for months, and time at each start."""

from __future__ import annotations

from typing import Final

import pytest

from mycel_runtime.sdk import Client
from tests.acceptance.conftest import until, write_config

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]

UNUSED: Final = {
    "acp": "The plugin of that name speaks it, and imports it.",
    "anyio": "Starlette and httpcore bring it.",
    "apscheduler": "Only a plugin's schedule asks when its next time is.",
    "attr": "rich brings it.",
    "fastapi": "The local backend's.",
    "httpcore": "httpx takes it, and imports it, for calls of a plugin's own; the SDK's go over plain transports.",
    "multiprocessing": "uvicorn brings it.",
    "mcp": "`mycel-runtime mcp` is a process of its own.",
    "mycel_runtime.backend": "Only `embedded` has one in the process.",
    "mycel_runtime.checks": "The command `check`'s.",
    "mycel_runtime.daemon.http": "Only `[http] listen` opens the page.",
    "mycel_runtime.plugin.isolation.messages": "What is said to isolated plugins, where there is one: 43 models.",
    "mycel_runtime.sdk.sync_client": "A daemon has an event loop.",
    "mycel_runtime.setup": "The command `init`'s.",
    "mycel_runtime.testing": "For tests of plugins.",
    "opentelemetry": "Only where `[tracing]` names a receiver.",
    "prometheus_client": "Only whoever asks for `/metrics` wants it, and waits for it then.",
    "pydantic_settings": "It reads variables of the environment, where there are any of ours.",
    "pygments": "rich brings it.",
    "rich.console": "structlog and httpx take rich where it is installed; a daemon draws nothing.",
    "starlette": "The page's; the control socket speaks HTTP by h11.",
    "uvicorn": "Likewise.",
    "websockets.sync": "The same of streams: a thread for each.",
}
"""By name, also of a package: why it is not needed. The interpreter tells also what was looked for in vain."""


def imported(daemon):
    """As the interpreter itself tells, and which lines of the log have cut in two are no matter."""
    told = [line.rpartition("|")[2].strip() for line in daemon.err if line.startswith("import time:")]
    return {name for name in told if name != "imported package"}


def test_a_daemon_that_has_answered_and_told_how_it_is_has_imported_nothing_that_it_does_not_use(
    start, household, tmp_path
):
    # Its level stands in the file: else the tests would set it by a variable.
    config = write_config(tmp_path / "a", household, '[log]\nlevel = "info"\n')
    agent = start("run", "--config", config, PYTHONPROFILEIMPORTTIME="1")
    agent.wait_event("stream.connected")
    with Client(base_url=household.base_url, auth_token=household.owner_token) as owner:
        chat = owner.chats.ensure_direct(household.agent_id)["id"]
        owner.messages.send(chat, "hello", enforce_caught_up=False)
        assert until(lambda: len(owner.messages.list(chat)) == 2)
    assert start("status", "--config", config).exit_code() == 0
    found = imported(agent)  # Before the end: it is asked for everything then, metrics too.
    assert agent.stop() == 0

    assert {"mycel_runtime.daemon.process", "structlog.dev", "httpx._client"} <= found
    assert not {
        name: why for name, why in UNUSED.items() if any(f"{each}.".startswith(f"{name}.") for each in found)
    }
