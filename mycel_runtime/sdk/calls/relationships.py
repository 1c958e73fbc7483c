"""Relationships with other users (contract 2.9)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mycel_runtime.sdk.calls.call import Call, post
from mycel_runtime.sdk.calls.path import path_segment
from mycel_runtime.sdk.pace import Worth

if TYPE_CHECKING:
    from mycel_runtime.wire import resources as wire


def list_relationships() -> Call[list[wire.Relationship]]:
    """The caller's relationships, from the caller's point of view."""
    return Call(method="GET", path="/api/relationships", answer="list", worth=Worth.LOOK)


def request_relationship(target_user_id: str, message: str | None = None) -> Call[wire.Relationship]:
    """Ask somebody for a relationship."""
    return post("/api/relationships/request", target_user_id=target_user_id, message=message)


def approve_relationship(relationship_id: str) -> Call[wire.Relationship]:
    """Accept a request: pending becomes visit."""
    return _decide(relationship_id, "approve")


def reject_relationship(relationship_id: str) -> Call[wire.Relationship]:
    """Turn a request down; the relationship is gone."""
    return _decide(relationship_id, "reject")


def upgrade_relationship(relationship_id: str) -> Call[wire.Relationship]:
    """From visit to hire."""
    return _decide(relationship_id, "upgrade")


def revoke_relationship(relationship_id: str) -> Call[wire.Relationship]:
    """End a relationship or take a request back."""
    return _decide(relationship_id, "revoke")


def downgrade_relationship(relationship_id: str) -> Call[wire.Relationship]:
    """From hire to visit."""
    return _decide(relationship_id, "downgrade")


def _decide(relationship_id: str, verb: str) -> Call[wire.Relationship]:
    return post(f"/api/relationships/{path_segment(relationship_id)}/{verb}")
