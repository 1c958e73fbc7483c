"""Faults of speaking: what may not be said, and what nobody can tell the fate of."""

from __future__ import annotations

import contextlib

from mycel_runtime.sdk import Client
from tests.acceptance.conftest import until
from tests.acceptance.faults.fault import Fault


def _beside_a_peer(world):
    """A chat of the agent and another agent, and what lets that one speak."""
    peer = world.backend.ask("add_external", owner_id=world.owner_id, user_id=f"p{world.number()}", name="p")
    chat_id = world.backend.ask("open_direct", user_id=peer["id"], other_id=world.household.agent_id)["id"]

    def say(text):
        world.backend.ask("say", user_id=peer["id"], chat_id=chat_id, content=text)

    return chat_id, say


@contextlib.contextmanager
def held_chat(world):
    """Two agents answer each other; the operator lets it go on."""
    chat_id, say = _beside_a_peer(world)
    say("one")
    until(lambda: len(world.backend.ask("messages", chat_id=chat_id)) == 2)
    say("two")
    yield
    world.admin("resume", name=chat_id)


@contextlib.contextmanager
def unknown_send(world):
    """Its answer is lost, and the history cannot be read; once it can, the send is found."""
    world.say("hello")
    world.backend.faults.lose_answer_and_history()
    yield
    world.backend.faults.clear()


@contextlib.contextmanager
def settled_send(world):
    """The same, and the operator says what has become of it."""
    world.say("hello")
    world.backend.faults.lose_answer_and_history()
    yield
    (unresolved,) = world.admin("unresolved")
    world.admin("settle", send=unresolved["send"], is_sent=True)
    world.backend.faults.clear()


@contextlib.contextmanager
def twin(world):
    with Client(base_url=world.household.base_url, auth_token=world.household.agent_token) as script:
        script.messages.send(world.direct, "by hand", enforce_caught_up=False)
    yield
    world.admin("resume", name="twin")


FAULTS = (
    Fault(
        of=held_chat,
        is_told=lambda now: now.speaking.held,
        words="held: ",
        metric=("chats_held", {}),
    ),
    Fault(
        of=unknown_send,
        is_told=lambda now: now.speaking.unknown,
        words="1 unknown",
        metric=("replies_unknown", {}),
    ),
    Fault(
        of=settled_send,
        is_told=lambda now: now.speaking.unknown,
        words="1 unknown",
        metric=("replies_unknown", {}),
    ),
    Fault(
        of=twin,
        is_told=lambda now: any("somebody else speaks" in each for each in now.problems),
        words="! somebody else speaks as this agent",
        metric=("twins_detected_total", {}),
        unready="somebody else speaks as this agent",
    ),
)
