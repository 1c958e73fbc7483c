"""Faults of handlers, of plugins, and of what waits; and what the operator has stopped."""

from __future__ import annotations

import contextlib

from tests.acceptance.conftest import until
from tests.acceptance.faults.fault import Fault


@contextlib.contextmanager
def paused_agent(world):
    world.admin("pause", kind="agent")
    yield
    world.admin("resume", kind="agent")


@contextlib.contextmanager
def paused_chat(world):
    world.admin("pause", kind="chat", name=world.direct)
    yield
    world.admin("resume", kind="chat", name=world.direct)


@contextlib.contextmanager
def failing_plugin(world):
    with world.order("failing"):
        world.say("fail")
        yield
    world.admin("resume", name="moody")


@contextlib.contextmanager
def lacking_plugin(world):
    with world.order("lacking"):
        world.say("lack")
        yield
    world.admin("resume", name="moody")


@contextlib.contextmanager
def given_up_message(world):
    world.say("give up")
    yield
    world.drop_letters()


@contextlib.contextmanager
def lingering_handler(world):
    with world.order("lingering"):
        world.say("linger")
        yield


@contextlib.contextmanager
def abandoned_task(world):
    with world.order("staying"):
        world.say("stay")
        yield
    world.drop_letters()
    world.admin("resume", name="stubborn")


@contextlib.contextmanager
def abandoned_thread(world):
    with world.order("blocking"):
        world.say("block")
        yield
    world.drop_letters()
    world.admin("resume", name="stubborn")


@contextlib.contextmanager
def blocked_send(world):
    """Every send into one chat is a 500, for ever."""
    chat_id = world.group()
    world.backend.faults.refuse(500, 10**6, path=f"/api/chats/{chat_id}/messages", method="POST")
    world.backend.ask("say", user_id=world.owner_id, chat_id=chat_id, content="hello")
    yield
    world.backend.faults.clear()
    until(lambda: world.said(chat_id))


@contextlib.contextmanager
def unreadable_chat(world):
    chat_id = world.group()
    world.backend.faults.refuse(500, 10**6, path=f"/api/chats/{chat_id}/messages", method="GET")
    world.say("hello", chat_id)
    yield
    world.backend.faults.clear()
    until(lambda: world.said(chat_id))


@contextlib.contextmanager
def killed_at_work(world):
    """What ran when the process died is suspect until it has ended well."""
    with world.order("lingering"):
        world.say("linger")
        until(lambda: world.status().work.running)
        world.agent.kill()
        world.start()
        yield


@contextlib.contextmanager
def unstarted_plugin(world):
    with world.order("unwilling"):
        world.agent.kill()
        world.start()
        yield
    world.admin("resume", name="stubborn")


def _left_alone(state):
    return lambda now: (
        now.work.oldest is not None
        and [each.state for each in now.plugins if each.name == "moody"] == [state]
    )


FAULTS = (
    Fault(
        of=paused_agent,
        is_told=lambda now: [each.kind for each in now.work.paused] == ["agent"],
        words="! agent agent is paused since",
        metric=("pauses", {"kind": "agent"}),
    ),
    Fault(
        of=paused_chat,
        is_told=lambda now: [each.kind for each in now.work.paused] == ["chat"],
        words="is paused since",
        metric=("pauses", {"kind": "chat"}),
    ),
    Fault(
        of=failing_plugin,
        is_told=lambda now: now.work.quarantined == ("moody",) and _left_alone("left_alone")(now),
        words="left alone: moody",
        metric=("plugin_state", {"plugin": "moody", "state": "left_alone"}),
    ),
    Fault(
        of=lacking_plugin,
        is_told=lambda now: now.work.unavailable and _left_alone("unavailable")(now),
        words="! plugin moody is left alone: Unavailable: it has no key",
        metric=("plugin_state", {"plugin": "moody", "state": "unavailable"}),
    ),
    Fault(
        of=given_up_message,
        is_told=lambda now: now.work.dead_letters == 1,
        words="1 dead letter,",
        metric=("dead_letters", {}),
    ),
    Fault(
        of=lingering_handler,
        is_told=lambda now: now.work.oldest and now.work.oldest.state == "running",
        words="for moody.answer, 0 failed attempts",
        metric=("deliveries_running", {}),
    ),
    Fault(
        of=abandoned_task,
        is_told=lambda now: now.work.abandoned_tasks,
        words="1 task abandoned",
        metric=("runs_abandoned", {"kind": "task"}),
    ),
    Fault(
        of=abandoned_thread,
        is_told=lambda now: now.work.abandoned_threads,
        words="1 thread abandoned",
        metric=("runs_abandoned", {"kind": "thread"}),
    ),
    Fault(
        of=blocked_send,
        is_told=lambda now: [each.operation for each in now.work.blocked_chats] == ["send"],
        words="no send succeeds since",
        metric=("chats_blocked", {"operation": "send"}),
    ),
    Fault(
        of=unreadable_chat,
        is_told=lambda now: [each.operation for each in now.work.blocked_chats] == ["read"],
        words="no read succeeds since",
        metric=("chats_blocked", {"operation": "read"}),
    ),
)

OVER_A_RESTART = (
    Fault(
        of=killed_at_work,
        is_told=lambda now: now.work.suspects,
        words="1 suspect of a death",
        metric=("deliveries_suspected", {}),
    ),
    Fault(
        of=unstarted_plugin,
        is_told=lambda now: [each.plugin for each in now.work.not_started if each.attempts] == ["stubborn"],
        words="! plugin stubborn cannot be started: RuntimeError",
        metric=("plugin_state", {"plugin": "stubborn", "state": "not_started"}),
    ),
)
"""In these the process that tells is another one than before."""
