"""What a whole runtime holds on to while it lives."""

from __future__ import annotations

import asyncio
import gc
import weakref

from pydantic import SecretStr

from mycel_runtime.backend.server import LocalBackend
from mycel_runtime.daemon.agent_runtime import AgentRuntime
from mycel_runtime.daemon.reload.agent_reload import AgentReload
from mycel_runtime.daemon.signals import StopRequest
from mycel_runtime.observe.observer import Observer
from mycel_runtime.plugin.plugin import Plugin
from mycel_runtime.plugin.registry import LoadedPlugin
from mycel_runtime.sdk import AsyncClient, Network
from mycel_runtime.settings import Settings


class Told(Observer):
    """Sets an event at the first fact of each name."""

    def __init__(self, events):
        self._events = events

    def tell(self, fact):
        if fact.name in self._events:
            self._events[fact.name].set()


def echo():
    plugin = Plugin("echo")

    @plugin.on_message
    async def answer(ctx):
        await ctx.reply(f"re: {ctx.messages[-1].content}")

    return LoadedPlugin(plugin=plugin, settings=None, origin="here", version="")


def runtime_of(base_url, token, folder, observer):
    agent = {"name": "agent", "base_url": base_url, "state_dir": str(folder / "state")}
    settings = Settings(file={"agent": agent, "plugins": {"echo": {}}}, overrides={})
    return AgentRuntime(
        AgentReload(folder / "agent.toml", settings, [echo()], {}),
        token=SecretStr(token),
        network=Network(),
        observer=observer,
        show=lambda _line: None,
        how_to_talk="",
    )


async def test_an_agent_keeps_no_task_that_has_ended(tmp_path, monkeypatch):
    """Each is a KiB for as long as the agent lives; there were six, and a thousand agents may share a process."""
    monkeypatch.delenv("WATCHDOG_USEC", raising=False)
    before = weakref.WeakSet(tasks_of())
    with LocalBackend() as backend:
        async with AsyncClient(base_url=backend.base_url) as nobody:
            owner_token = (await nobody.auth.create_guest_owner("owner"))["token"]
        looked, answered, stop = asyncio.Event(), asyncio.Event(), StopRequest()
        told = Told({"reconcile.finished": looked, "delivery.finished": answered})
        async with AsyncClient(base_url=backend.base_url, auth_token=owner_token) as owner:
            token = (await owner.auth.create_external_user("agent", "agent"))["token"]
            async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
                runtime = runtime_of(backend.base_url, token, tmp_path, told)
                tasks.create_task(runtime.run(stop, ready=lambda: None), name="agent")
                try:
                    await looked.wait()
                    chat_id = (await owner.chats.ensure_direct("agent"))["id"]
                    await owner.messages.send(chat_id, "hello", enforce_caught_up=False)
                    await answered.wait()
                    kept = await what_stays(before)
                finally:
                    stop.ask("the end")
                    stop.ask("now")
    assert kept == []


async def what_stays(before):
    """Ended tasks that are still there once what ends with the first look and the answer has had time to do so."""
    for _ in range(100):
        if not (kept := ended_tasks(before)):
            break
        await asyncio.sleep(0.1)
    return kept


def ended_tasks(before):
    """Names of those that somebody refers to."""
    gc.collect()
    return sorted(task.get_name() for task in tasks_of() if task.done() and task not in before)


def tasks_of():
    # By its type: what is only a proxy of something, which may be gone, would be asked itself.
    return [each for each in gc.get_objects() if issubclass(type(each), asyncio.Task)]
