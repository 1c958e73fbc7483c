"""Runs of handlers of requests, without any server: of a relationship, or to join a group."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, cast

from typing_extensions import override

from mycel_runtime.plugin.event_context import JoinRequestContext, RelationshipContext
from mycel_runtime.plugin.plain_context import SyncJoinRequestContext, SyncRelationshipContext
from mycel_runtime.testing.bare_message import CHAT, ME
from mycel_runtime.testing.bare_run import BareRun

if TYPE_CHECKING:
    from mycel_runtime.wire import resources

_GRANTED: Final = frozenset({"visit", "hire", "approved"})
_DENIED: Final = frozenset({"none", "rejected"})


class _Decisions:
    """The port of a request: decided once, as by the runtime."""

    def __init__(self, state: str, deeds: list[str], *, is_open: bool) -> None:
        self._state = state
        self._deeds = deeds
        self._is_open = is_open

    async def approve(self) -> bool:
        """Whether it is granted."""
        self._decide("approve", "approved")
        return self._state in _GRANTED

    async def reject(self, why: str) -> bool:
        """Whether it is not."""
        self._decide(f"reject: {why}" if why else "reject", "rejected")
        return self._state in _DENIED

    def _decide(self, deed: str, state: str) -> None:
        if self._is_open:
            self._is_open, self._state = False, state
            self._deeds.append(deed)


class BareRelationship(BareRun[RelationshipContext, SyncRelationshipContext]):
    """
    For `@plugin.on_relationship`.

    Args:
        state: `pending`, `visit`, `hire`, or `none`.
        other: Display name of the other one; the user id is the same in lower case.
        message: What he has written.
        is_requester: The agent has asked for it.
        event_type: What told of it.
        more: As of `BareRun`.
    """

    def __init__(
        self,
        state: str = "pending",
        *,
        other: str = "Ada",
        message: str = "",
        is_requester: bool = False,
        event_type: str = "relationship.requested",
        **more: Any,
    ) -> None:
        super().__init__(**more)
        other_id = other.lower()
        row = {
            "id": f"hire_visit:{other_id}:{ME}",
            "other_user_id": other_id,
            "state": state,
            "is_requester": is_requester,
            "message": message or None,
            "created_at": datetime.now(UTC).isoformat(),
            "updated_at": datetime.now(UTC).isoformat(),
        }
        is_open = state == "pending" and not is_requester
        self.ctx = RelationshipContext(
            relationship=None if state == "none" else cast("resources.Relationship", row),
            event_type=event_type,
            metadata={"event_type": event_type, "relationship_id": row["id"]},
            _port=_Decisions(state, self.deeds, is_open=is_open),
            **self._shown,
        )

    @override
    def _described(self) -> str:
        return f"relationship with {self.ctx.other_user_id}: {self.ctx.state} {self.ctx.message!r}"


class BareJoinRequest(BareRun[JoinRequestContext, SyncJoinRequestContext]):
    """
    For `@plugin.on_join_request`.

    Args:
        state: `pending`, `approved`, `rejected`, or `none`.
        other: Display name of the one who asks; the user id is the same in lower case.
        message: What he has written.
        more: As of `BareRun`.
    """

    def __init__(self, state: str = "pending", *, other: str = "Ada", message: str = "", **more: Any) -> None:
        super().__init__(**more)
        row = {
            "id": "request",
            "chat_id": CHAT,
            "requester_user_id": other.lower(),
            "requester_name": other,
            "requester_type": "human",
            "state": state,
            "message": message or None,
            "decided_by_user_id": None,
            "decided_at": None,
            "created_at": time.time(),
            "updated_at": time.time(),
        }
        event_type = "chat.join_request.changed"
        self.ctx = JoinRequestContext(
            request=None if state == "none" else cast("resources.JoinRequest", row),
            event_type=event_type,
            metadata={
                "event_type": event_type,
                "chat_id": CHAT,
                "chat_join_request_id": row["id"],
                "requester_user_id": row["requester_user_id"],
            },
            _port=_Decisions(state, self.deeds, is_open=state == "pending"),
            **self._shown,
        )

    @override
    def _described(self) -> str:
        return f"request of {self.ctx.other_user_id} to join: {self.ctx.state} {self.ctx.message!r}"
