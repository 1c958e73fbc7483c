"""Managed agents and their threads, as rows: nothing is executed (contract 2.3, 2.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mycel_runtime.backend.world.chats import avatar_url
from mycel_runtime.backend.world.entities import Contact, Thread, User
from mycel_runtime.backend.world.refusal import Refused

if TYPE_CHECKING:
    from mycel_runtime.backend.world.state import World


def list_all(world: World, owner: User) -> dict[str, Any]:
    """The caller's agents, in an object."""
    return {"items": [show(user) for user in world.users.values() if user.owner_user_id == owner.id]}


def create(world: World, owner: User, name: str, description: str, *, agent_id: str, now: float) -> User:
    """
    A new agent, which its owner has as a contact.

    Raises:
        Refused: 403 to whoever is no human, or a guest.
    """
    check_may_create(owner)
    agent = User(
        id=agent_id,
        name=name,
        type="agent",
        owner_user_id=owner.id,
        description=description,
        created_at=now,
    )
    world.put(agent)
    world.put(Contact(source=owner.id, target=agent.id))
    return agent


def check_may_create(owner: User) -> None:
    """
    Whether this user may make managed agents.

    Raises:
        Refused: 403 to whoever is no human, or a guest.
    """
    if owner.type != "human" or owner.is_guest:
        raise Refused(403, "Capability required: create_managed_agent")


def open_thread(world: World, caller: User, agent_user_id: str) -> dict[str, Any]:
    """
    A new thread of an agent; the first is its main one.

    Raises:
        Refused: 403 to a guest (U12), 403 not the caller's agent.
    """
    if caller.is_guest:
        raise Refused(403, "Capability required: use_sandbox")
    agent = world.users.get(agent_user_id)
    if agent is None or agent.owner_user_id != caller.id:
        raise Refused(403, "Not authorized")
    index = sum(thread.agent_user_id == agent.id for thread in world.threads.values())
    thread = Thread(id=f"{agent.id}-{index + 1}", agent_user_id=agent.id, branch_index=index)
    world.put(thread)
    return {
        "thread_id": thread.id,
        "sandbox": "local",
        "agent_user_id": agent.id,
        "agent_name": agent.name,
        "branch_index": index,
        "sidebar_label": None,
        "avatar_url": avatar_url(agent),
        "is_main": index == 0,
    }


def show(agent: User) -> dict[str, Any]:
    """An agent in a list."""
    return {
        "id": agent.id,
        "name": agent.name,
        "description": agent.description,
        "model": None,
        "status": "draft",
        "version": "1.0.0",
        "avatar_url": avatar_url(agent),
        "created_at": 0,
        "updated_at": 0,
    }


def show_new(agent: User) -> dict[str, Any]:
    """An agent just made, with its configuration."""
    config = {
        "prompt": "",
        "rules": [],
        "tools": [],
        "mcpServers": [],
        "skills": [],
        "subAgents": [],
        "compact": {"trigger_tokens": None},
    }
    return {**show(agent), "config": config}
