"""Managed agents and their threads (contract 2.3, 2.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mycel_runtime.sdk.calls.arguments import require_one_of
from mycel_runtime.sdk.calls.call import Call, post

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mycel_runtime.wire import resources as wire


def list_agents() -> Call[wire.AgentList]:
    """The caller's managed agents: an object with `items`, not a list."""
    return Call(method="GET", path="/api/panel/agents")


def create_agent(name: str, *, description: str = "") -> Call[wire.Agent]:
    """Make a managed agent; humans only, guests not."""
    return post("/api/panel/agents", name=name, description=description)


def create_thread(
    managed_agent_id: str,
    *,
    sandbox: str = "local",
    sandbox_template_id: str | None = None,
    existing_sandbox_id: str | None = None,
    cwd: str | None = None,
    model: str | None = None,
    agent: str | None = None,
    bind_mounts: Sequence[wire.BindMount] | None = None,
) -> Call[wire.Thread]:
    """
    Start a thread of a managed agent.

    Raises:
        ValueError: A bind mount's `mode` is neither `mount` nor `copy`.
        KeyError: A bind mount has no `source` or no `target`.
    """
    body = {
        "agent_user_id": managed_agent_id,
        "sandbox": sandbox,
        "sandbox_template_id": sandbox_template_id,
        "existing_sandbox_id": existing_sandbox_id,
        "cwd": cwd,
        "model": model,
        "agent": agent,
    }
    if bind_mounts is not None:
        body["bind_mounts"] = [_bind_mount(mount) for mount in bind_mounts]  # type: ignore[assignment]  # JSON
    return post("/api/threads", **body)


def _bind_mount(mount: wire.BindMount) -> dict[str, Any]:
    mode = mount.get("mode", "mount")
    require_one_of(mode, ("mount", "copy"), "bind mount mode")
    return {
        "source": mount["source"],
        "target": mount["target"],
        "mode": mode,
        "read_only": mount.get("read_only", False),
    }
