"""Managed agents and threads (contract 2.3, 2.4)."""

from __future__ import annotations

import secrets
import string
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Depends, Response
from pydantic import Field

from mycel_runtime.backend.http.request_context import Body, Call, Caller, Strict, answer
from mycel_runtime.backend.world import agents
from mycel_runtime.backend.world.refusal import Refused

router = APIRouter(prefix="/api", tags=["panel"], strict_content_type=False)

_LETTERS: Final = string.ascii_letters + string.digits


class AgentBody(Body):
    """A new agent."""

    name: str
    description: str = ""


class BindMount(Strict):
    """A folder given to the sandbox."""

    source: str
    target: str
    mode: Literal["mount", "copy"] = "mount"
    read_only: bool = False


class ThreadBody(Strict):
    """A new thread."""

    agent_user_id: str
    sandbox: str | None = "local"
    sandbox_template_id: str | None = None
    existing_sandbox_id: str | None = None
    cwd: str | None = None
    model: str | None = None
    agent: str | None = None
    bind_mounts: list[BindMount] = Field(default_factory=list)


async def _may_create(call: Caller) -> Call:
    """Whoever calls, if he may; this is asked before the body is looked at."""
    agents.check_may_create(call.user)
    return call


Creator = Annotated[Call, Depends(_may_create)]


@router.get("/panel/agents")
async def list_agents(call: Caller) -> Response:
    """The caller's agents."""
    return answer(agents.list_all(call.world, call.user))


@router.post("/panel/agents")
async def create_agent(body: AgentBody, call: Creator) -> Response:
    """A new agent."""
    service = call.service
    with service.transaction():
        agent = agents.create(
            call.world,
            call.user,
            body.name,
            body.description,
            agent_id=new_agent_id(),
            now=service.now(),
        )
    return answer(agents.show_new(agent))


@router.post("/threads")
async def create_thread(body: ThreadBody, call: Caller) -> Response:
    """A new thread; there is one provider of sandboxes, and it has no templates."""
    if body.existing_sandbox_id is not None:
        raise Refused(403, "Sandbox not authorized")
    if body.sandbox_template_id is not None:
        raise Refused(400, "Recipe not found")
    if body.sandbox not in {"local", None}:
        return answer({"error": "sandbox_provider_unavailable", "provider": body.sandbox}, 400)
    with call.service.transaction():
        thread = agents.open_thread(call.world, call.user, body.agent_user_id)
    return answer(thread)


def new_agent_id() -> str:
    """`m_` and twelve letters or digits (1.6)."""
    return "m_" + "".join(secrets.choice(_LETTERS) for _ in range(12))
