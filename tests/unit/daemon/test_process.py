"""Several agents in one process end each by itself."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from mycel_runtime.daemon import systemd
from mycel_runtime.daemon.agents import Refusal
from mycel_runtime.daemon.members import STARTING_AT_ONCE
from mycel_runtime.daemon.process import run_agents
from mycel_runtime.errors import ConfigError, JournalError, StateDirectoryError
from mycel_runtime.observe.observer import Observer


class Facts(Observer):
    def __init__(self):
        self.told = []

    def tell(self, fact):
        self.told.append(fact)


class Agent:
    """Stands where a supervisor would."""

    def __init__(self, agent, live):
        self.agent = agent
        self.config = Path(f"/{agent}.toml")
        self.observer = Facts()
        self._live = live

    drain_timeout = 0.0

    async def run(self, stop, *, ready):
        ready()
        await self._live()


@pytest.fixture(autouse=True)
def same_umask():
    before = os.umask(0o077)
    yield
    os.umask(before)


async def test_an_agent_that_ends_by_a_fault_of_ours_takes_no_other_along():
    failed, lived = asyncio.Event(), []

    async def fail():
        failed.set()
        raise TypeError("nobody thought of that")

    async def live():
        await failed.wait()
        await asyncio.sleep(0.05)
        lived.append("to the end")

    faulty, sound = Agent("faulty", fail), Agent("sound", live)
    with pytest.raises(TypeError):
        await run_agents([(faulty, faulty.observer), (sound, sound.observer)])

    assert lived == ["to the end"]
    (fact,) = faulty.observer.told
    assert (fact.name, fact.error, fact.exit_code) == ("agent.failed", "TypeError", 70)


async def test_an_agent_that_cannot_start_keeps_readiness_from_nobody(tmp_path, monkeypatch):
    """Else the supervisor would wait for READY, and kill the others for it."""
    notices = []
    monkeypatch.setattr(systemd, "notify", lambda *assignments: notices.append(assignments[0]))
    released = asyncio.Event()

    class Refused(Agent):
        async def run(self, stop, *, ready):
            released.set()
            raise StateDirectoryError("not yours")

    class Late(Agent):
        async def run(self, stop, *, ready):
            await released.wait()
            await asyncio.sleep(0)
            ready()

    refused, late = Refused("refused", None), Late("late", None)
    with pytest.raises(StateDirectoryError):
        await run_agents([(refused, refused.observer), (late, late.observer)])

    assert notices == [systemd.READY, systemd.STOPPING]
    (fact,) = refused.observer.told
    assert (fact.error, fact.reason, fact.exit_code) == ("StateDirectoryError", "not yours", 78)


async def test_many_agents_start_a_few_at_a_time_and_all_do():
    running, most, started = 0, [], []

    class Starting(Agent):
        async def run(self, stop, *, ready):
            nonlocal running
            running += 1
            most.append(running)
            await asyncio.sleep(0.001)
            running -= 1
            started.append(self.agent)
            ready()

    agents = [Starting(f"{number}", None) for number in range(3 * STARTING_AT_ONCE)]
    await run_agents([(agent, agent.observer) for agent in agents])

    assert max(most) == STARTING_AT_ONCE
    assert len(started) == len(agents)


async def test_who_has_not_started_when_a_stop_is_asked_for_does_not():
    started = []

    class Stopping(Agent):
        async def run(self, stop, *, ready):
            started.append(self.agent)
            stop.ask("SIGTERM")

    agents = [Stopping(f"{number}", None) for number in range(3)]
    await run_agents([(agent, agent.observer) for agent in agents])

    assert started == ["0"]


async def test_an_agent_that_may_start_again_is_not_kept_from_it_by_one_that_may_not():
    """The unit starts nobody again after a 78, which one file of many would keep for all."""

    async def fail():
        raise JournalError("the disk was full")

    broken = Agent("broken", fail)
    with pytest.raises(JournalError):
        await run_agents([(broken, broken.observer)], failures=[Refusal((), ConfigError("no such key"))])


async def test_agents_that_all_fail_are_never_ready(monkeypatch):
    notices = []
    monkeypatch.setattr(systemd, "notify", lambda *assignments: notices.append(assignments[0]))

    class Refused(Agent):
        async def run(self, stop, *, ready):
            raise StateDirectoryError("not yours")

    refused = Refused("refused", None)
    with pytest.raises(StateDirectoryError):
        await run_agents([(refused, refused.observer)])

    assert notices == [systemd.STOPPING]
    assert refused.observer.told == []
