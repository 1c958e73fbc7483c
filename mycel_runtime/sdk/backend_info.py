"""What a backend says about itself (contract 2.11). Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mycel_runtime.wire.resources import BackendInfo


def backend_info_of(base_url: str, document: dict[str, Any]) -> BackendInfo:
    """The four capabilities that the reference client looks for, from an OpenAPI document; absent texts are empty."""
    paths = _object(document.get("paths"))
    info = _object(document.get("info"))
    return {
        "base_url": base_url,
        "openapi": str(document.get("openapi") or ""),
        "title": str(info.get("title") or ""),
        "version": str(info.get("version") or ""),
        "capabilities": {
            "guest_auth": "/api/auth/guest" in paths,
            "external_users": "/api/auth/external-users" in paths,
            "chat_messages": "/api/chats/{chat_id}/messages" in paths,
            "runtime_inbox": "/api/runtime/inbox/drain" in paths,
        },
    }


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
