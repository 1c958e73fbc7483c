"""
Status is true: whatever goes wrong is told within one interval, and no longer than that after it is over.

What others prove is not repeated: a stream that is cut or deaf, a road that is closed (`test_status`, `test_causes`),
a twin (`test_twin`), a refused token (`test_revoked`), lines that are lost (`test_lost_lines`).
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from mycel_runtime.cli.status_lines import lines_of
from mycel_runtime.daemon.control import ask_admin, ask_status
from mycel_runtime.sdk import Client
from tests.acceptance.conftest import SOON_BACK, until, write_config

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]

INTERVAL = 30.0
"""As `[inbox] reconcile_interval` is by default; what is told here is told at once, but on a busy machine."""

MOODY = """
from pathlib import Path

from mycel_runtime import Plugin, Reject

plugin = Plugin("moody")


@plugin.on_message
async def answer(ctx):
    if (Path(__file__).parent / "broken").exists():
        raise ValueError("the text of a message")
    if ctx.messages[-1].content == "give up":
        raise Reject("not this")
    await ctx.reply("well")
"""

OFTEN = "[dispatch]\nretry_base = 0.1\nretry_cap = 0.2\nquarantine_after = 1\nquarantine_time = 600.0\n"


@dataclass
class World:
    """One running agent, its owner, and what they have in hand."""

    config: Path
    state: Path
    backend: object
    owner: Client
    chat_id: str

    def say(self, text):
        self.owner.messages.send(self.chat_id, text, enforce_caught_up=False)

    def broken(self):
        return self.config.parent / "broken"


@contextlib.contextmanager
def changed_file(world):
    text = world.config.read_text()
    world.config.write_text(text + "\n# another line\n")
    yield
    world.config.write_text(text)


@contextlib.contextmanager
def paused_agent(world):
    ask_admin(world.state, "pause", kind="agent")
    yield
    ask_admin(world.state, "resume", kind="agent")


@contextlib.contextmanager
def paused_chat(world):
    ask_admin(world.state, "pause", kind="chat", name=world.chat_id)
    yield
    ask_admin(world.state, "resume", kind="chat", name=world.chat_id)


@contextlib.contextmanager
def failing_plugin(world):
    world.broken().touch()
    world.say("hello")
    yield
    world.broken().unlink()
    ask_admin(world.state, "resume", name="moody")


@contextlib.contextmanager
def given_up_message(world):
    world.say("give up")
    yield
    (letter,) = ask_admin(world.state, "dead")
    assert ask_admin(world.state, "drop", dead_letter_id=letter["dead_letter_id"])


@contextlib.contextmanager
def outage(world):
    world.backend.stop()
    yield
    world.backend.start()


FAULTS = [
    (changed_file, lambda now: now.program.config == "drift", "the configuration was changed"),
    (paused_agent, lambda now: [each.kind for each in now.work.paused] == ["agent"], "is paused since"),
    (paused_chat, lambda now: [each.kind for each in now.work.paused] == ["chat"], "is paused since"),
    (
        failing_plugin,
        lambda now: (
            now.work.quarantined == ("moody",)
            and [(each.name, each.state) for each in now.plugins] == [("moody", "left_alone")]
            and now.work.oldest is not None
        ),
        "left alone: moody",
    ),
    (given_up_message, lambda now: now.work.dead_letters == 1, "1 dead letter,"),
    (outage, lambda now: not now.ready and not now.hearing.connected, "! the stream is not connected"),
]
"""What goes wrong and is mended; how `/status` tells it; and a piece of what a person is shown."""


def test_each_fault_is_told_within_an_interval_and_so_is_its_end(
    start, backend, household, tmp_path, tmp_path_factory
):
    state = tmp_path_factory.mktemp("s")
    config = write_config(
        tmp_path / "a", household, extra=SOON_BACK + OFTEN, plugin='[plugins.moody]\npath = "moody.py"\n'
    )
    config.write_text(config.read_text().replace('"state"', f'"{state}"'))
    (config.parent / "moody.py").write_text(MOODY)
    agent = start("run", "--config", config)
    agent.wait_event("stream.connected")
    with Client(base_url=household.base_url, auth_token=household.owner_token) as owner:
        chat_id = owner.chats.ensure_direct(household.agent_id)["id"]
        world = World(config=config, state=state, backend=backend, owner=owner, chat_id=chat_id)
        assert until(lambda: ask_status(state).ready)
        for fault, is_told, _ in FAULTS:
            assert not is_told(ask_status(state)), fault.__name__
        for fault, is_told, words in FAULTS:
            with fault(world):
                began = time.monotonic()
                until(lambda is_told=is_told: is_told(ask_status(state)), seconds=INTERVAL)
                assert any(words in line for line in lines_of(ask_status(state))), (fault.__name__, words)
            until(lambda is_told=is_told: not is_told(ask_status(state)), seconds=INTERVAL)
            print(f"{fault.__name__}: told and over within {time.monotonic() - began:.1f} s")
        assert until(lambda: ask_status(state).ready)
        assert until(lambda: ask_status(state).work.due == 0)
    assert agent.stop() == 0
