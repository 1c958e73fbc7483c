"""
What tells one state of a thing from the next, in the server's lists. Pure.

A state alone does not: a relationship that was asked for, revoked and asked for again is `pending` both times.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from mycel_runtime.wire.resources import JoinRequest, Relationship, WorkflowEvent

GONE: Final = "none"
"""Of what is in its list no more."""


def version_of_relationship(row: Relationship) -> str:
    """Its state, and when it was asked for. Source: contract 4.11: the row of a relationship that ends is deleted."""
    return f"{row['state']}@{row.get('created_at', '')}"


def version_of_join_request(row: JoinRequest) -> str:
    """Its state, and when it was asked last. Source: contract 4.10: one row per requester, asked again and again."""
    return f"{row['state']}@{row['created_at']}"


def version_of_workflow_event(row: WorkflowEvent) -> str:
    """Its number, and when it was made. Source: contract 2.8: an id may be used again."""
    return f"{row['state_version']}@{row['created_at']}"


def state_of(version: str) -> str:
    """The state that it begins with."""
    return version.split("@", 1)[0]
