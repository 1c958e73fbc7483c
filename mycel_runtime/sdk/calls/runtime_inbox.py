"""What waits for the agent, and what the backend says of itself (contract 2.10, 2.11)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mycel_runtime.sdk.calls.call import Call
from mycel_runtime.sdk.pace import Worth

if TYPE_CHECKING:
    from mycel_runtime.wire import resources as wire


def drain_notifications() -> Call[wire.Drain]:
    """Take what waits in the inbox. Destructive, and its numbers are the stream's too (Q23)."""
    return Call(method="POST", path="/api/runtime/inbox/drain", worth=Worth.DRAIN)


def openapi() -> Call[dict[str, Any]]:
    """The backend's OpenAPI document, asked without a token."""
    return Call(method="GET", path="/openapi.json", is_authenticated=False)
