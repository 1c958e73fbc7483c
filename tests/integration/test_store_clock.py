"""A store whose clock is not this host's, as a database's elsewhere: the agent is well, and its status says so."""

from __future__ import annotations

import asyncio
import contextlib
import time

import pytest
from pydantic import SecretStr

from mycel_runtime.backend.server import BackendOptions, LocalBackend
from mycel_runtime.daemon import agent_life
from mycel_runtime.daemon.agent_runtime import AgentRuntime
from mycel_runtime.daemon.reload.agent_reload import AgentReload
from mycel_runtime.daemon.signals import StopRequest
from mycel_runtime.errors import ServerError
from mycel_runtime.journal.sqlite.engine import SqliteEngine
from mycel_runtime.observe.observer import FanOut
from mycel_runtime.plugin.plugin import Plugin
from mycel_runtime.plugin.registry import LoadedPlugin
from mycel_runtime.sdk import Network
from mycel_runtime.settings import Settings
from tests.integration.speech.lifetimes import owner_of

HOURS = 3 * 3_600.0


def failing():
    """Nothing that it is told comes to an end."""
    plugin = Plugin("mute")

    @plugin.on_message
    async def answer(ctx):
        raise ServerError(503, "not now")

    return LoadedPlugin(plugin=plugin, settings=None, origin="here", version="")


def runtime_of(folder, base_url, token):
    agent = {"name": "agent", "base_url": base_url, "state_dir": str(folder / "state")}
    settings = Settings(file={"agent": agent, "plugins": {"mute": {}}}, overrides={})
    return AgentRuntime(
        AgentReload(folder / "agent.toml", settings, [failing()], {}),
        token=SecretStr(token),
        network=Network(),
        observer=FanOut([]),
        show=lambda _line: None,
        how_to_talk="",
    )


@contextlib.asynccontextmanager
async def living(runtime):
    stop = StopRequest()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(runtime.run(stop, ready=lambda: None), name="agent")
        try:
            yield
        finally:
            stop.ask("the end")
            stop.ask("now")


async def until(runtime, holds):
    async with asyncio.timeout(30):
        while not holds(status := await runtime.status()):  # noqa: ASYNC110 - it is looked at from outside
            await asyncio.sleep(0.05)
    return status


@pytest.mark.slow
@pytest.mark.parametrize("ahead", [HOURS, -HOURS])
async def test_what_is_told_of_an_agent_is_reckoned_by_the_clock_that_its_times_were_written_by(
    tmp_path, monkeypatch, ahead
):
    monkeypatch.setattr(
        agent_life,
        "engine_of",
        lambda folder, _database: SqliteEngine(folder, clock=lambda: time.time() + ahead),
    )
    with LocalBackend(BackendOptions()) as backend:
        async with owner_of(backend) as owner:
            made = await owner.auth.create_external_user("agent", "agent")
            runtime = runtime_of(tmp_path, backend.base_url, made["token"])
            async with living(runtime):
                assert (await until(runtime, lambda status: status.ready)).problems == ()
                chat = await owner.chats.create(["agent"], kind="group", title="x")
                await owner.messages.send(chat["id"], "x", enforce_caught_up=False)
                status = await until(runtime, lambda status: status.work.oldest is not None)

    assert abs(status.now - time.time() - ahead) < 60
    assert status.ready
    assert 0 <= status.now - status.started_at < 60
    assert 0 <= status.now - status.work.oldest.since < 60
    assert 0 <= status.now - status.hearing.reconciled_at < 60
