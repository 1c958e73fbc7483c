"""Who knows whom (contract 2.9, 4.11)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Literal

from mycel_runtime.backend.world.after_commit import failing_after_commit
from mycel_runtime.backend.world.chats import relationship_key
from mycel_runtime.backend.world.entities import QueueItem, Relationship, User
from mycel_runtime.backend.world.refusal import Broken, Refused

if TYPE_CHECKING:
    from mycel_runtime.backend.world.state import World

Event = Literal["approve", "reject", "upgrade", "downgrade", "revoke"]

_NEXT: Final = {
    ("pending", "approve"): "visit",
    ("pending", "reject"): "none",
    ("pending", "revoke"): "none",
    ("visit", "upgrade"): "hire",
    ("hire", "downgrade"): "visit",
    ("visit", "revoke"): "none",
    ("hire", "revoke"): "none",
}
_PARTS: Final = 3


def request(
    world: World,
    caller: User,
    target_id: str,
    message: str | None,
    now: float,
    *,
    is_broken: bool = False,
) -> dict[str, Any]:
    """
    Ask somebody for a relationship; `is_broken` fails to tell him, as a fault.

    Raises:
        Refused: 400 oneself, 409 there is one; 500 after it was stored, for example as nobody has this id (Q21, Q39).
    """
    if target_id == caller.id:
        raise Refused(400, "Cannot request relationship with yourself")
    if target_id not in world.users and not world.quirks.requests_to_nobody:
        raise Refused(400, f"Unknown user: {target_id}")
    key = relationship_key(caller.id, target_id)
    if (existing := world.relationships.get(key)) is not None:
        raise _invalid(existing, "request", caller)
    low, high = sorted((caller.id, target_id))
    row = Relationship(
        low=low,
        high=high,
        state="pending",
        initiator=caller.id,
        message=message,
        created_at=now,
        updated_at=now,
    )
    world.put(row)
    summary = f"{caller.name} requested a relationship" + (f": {message}" if message else "")
    content = {"event_type": "relationship.requested", "summary": summary}
    shown = show(row, caller.id)
    with failing_after_commit(world, _failure(shown, "request")):
        _tell(world, target_id, caller, row, content, is_broken=is_broken)
    return shown


def change(
    world: World, caller: User, key: str, event: Event, now: float, *, is_broken: bool = False
) -> dict[str, Any]:
    """
    Take a step; a row that reaches `none` is gone. `is_broken` fails to tell of it, as a fault.

    Raises:
        Refused: 404, 403, 409; 500 after the step was stored (Q21).
    """
    row = _find(world, caller, key)
    if event in {"approve", "reject"} and row.initiator == caller.id:
        raise Refused(409, f"Cannot {event} your own request")
    is_foreign_revoke = (row.state, event) == ("pending", "revoke") and row.initiator != caller.id
    if (row.state, event) not in _NEXT or is_foreign_revoke:
        raise _invalid(row, event, caller)
    row.state, row.updated_at = _NEXT[row.state, event], now
    if row.state == "none":
        del world.relationships[key]
        world.forget(row)
    else:
        world.touch(row)
    shown = show(row, caller.id)
    if event in {"approve", "reject"}:
        with failing_after_commit(world, _failure(shown, event)):
            _tell_decision(world, caller, row, event, is_broken=is_broken)
    return shown


def list_all(world: World, caller: User) -> list[dict[str, Any]]:
    """The caller's relationships."""
    return [show(row, caller.id) for row in world.relationships.values() if caller.id in {row.low, row.high}]


def show(row: Relationship, user_id: str) -> dict[str, Any]:
    """A relationship from this user's point of view; its times are ISO 8601."""
    return {
        "id": row.key,
        "other_user_id": row.high if row.low == user_id else row.low,
        "state": row.state,
        "is_requester": row.state == "pending" and row.initiator == user_id,
        "message": row.message,
        "created_at": _iso(row.created_at),
        "updated_at": _iso(row.updated_at),
    }


def _find(world: World, caller: User, key: str) -> Relationship:
    """
    The row of an id, which the real server takes apart at its first two colons.

    Raises:
        Refused: 404, also for ever for a `low` that holds a colon (1.6); 403.
    """
    parts = key.split(":", 2)
    row = world.relationships.get(key)
    if len(parts) != _PARTS or row is None or parts[1] != row.low:
        raise Refused(404, "Relationship not found")
    if caller.id not in {row.low, row.high}:
        raise Refused(403, "Not a party of this relationship")
    return row


def _invalid(row: Relationship, event: str, caller: User) -> Refused:
    is_initiator = row.initiator == caller.id
    return Refused(
        409, f"Invalid transition: state='{row.state}' event='{event}' requester_is_initiator={is_initiator}"
    )


def _tell_decision(world: World, caller: User, row: Relationship, event: Event, *, is_broken: bool) -> None:
    done = "approved" if event == "approve" else "rejected"
    content = {
        "event_type": f"relationship.{done}",
        "summary": f"{caller.name} {done} your relationship request",
        "event": event,
        "state": row.state,
    }
    _tell(world, row.initiator, caller, row, content, is_broken=is_broken)


def _failure(shown: dict[str, Any], event: str) -> dict[str, Any]:
    return {"error": "relationship_action_failed", "event": event, "relationship": shown}


def _tell(
    world: World,
    user_id: str,
    sender: User,
    row: Relationship,
    content: dict[str, Any],
    *,
    is_broken: bool,
) -> None:
    """
    Queue a notification, for external users only.

    Raises:
        Broken: Nobody has this id.
    """
    if is_broken:
        raise Broken("delivery failed on request")
    if (user := world.users.get(user_id)) is None:
        raise Broken(f"Relationship target not found: {user_id}")
    if user.type != "external":
        return
    world.notify(
        QueueItem(
            id=0,
            inbox=user_id,
            content={**content, "relationship_id": row.key},
            notification_type="relationship",
            sender_id=sender.id,
            sender_name=sender.name,
        )
    )


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()
