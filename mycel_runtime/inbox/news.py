"""
What changed on the server without a notification. Pure.

Being added to a chat, a relationship upgraded or revoked, a request to join one's group: nobody is told (Q36), and
what is told may get lost (Q4, Q24, Q25). So the lists are compared with what they said before, and each difference
becomes an event of its own that handlers may subscribe to: `chat.joined`, `chat.left`, `relationship.changed`,
`chat.join_request.changed`, `chat.workflow_event.changed`. A notification of the same thing may have been handled
before or may follow: these events tell a state, not an occurrence.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from mycel_runtime.journal.entries import Change
from mycel_runtime.wire.codec import fingerprint
from mycel_runtime.wire.frames import Notify
from mycel_runtime.wire.ids import InboxSeq

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mycel_runtime.wire.resources import ChatSummary, JoinRequest, Relationship, WorkflowEvent


CHAT: Final = "chat"
RELATIONSHIP: Final = "relationship"
JOIN_REQUEST: Final = "join_request"
WORKFLOW_EVENT: Final = "workflow_event"
"""Kinds of lines; a chat's tells a membership."""

NOTIFICATION_TYPE: Final = "reconcile"
"""Of our own events, where the server's say `chat`, `relationship`, …"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """
    A line of one of the server's lists.

    Attributes:
        kind, key: Which list, which line.
        is_open: Somebody waits for us: news at the first look too, for nobody may have been told.
        state: What handlers may care about.
        metadata: Told with the event.

    Raises:
        ValueError: A key or state that is no text, or empty: the list is not what the contract says.
    """

    kind: str
    key: str
    state: str
    metadata: Mapping[str, Any]
    is_open: bool = False

    def __post_init__(self) -> None:
        if not (is_name(self.key) and is_name(self.state)):
            raise ValueError("a line of a list without its key or state")


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """A difference: the snapshot's change, and the event that tells it; silent for what was there at the start."""

    change: Change
    event: Notify | None


_EVENTS: Final = {
    CHAT: ("chat.joined", "chat.left"),
    RELATIONSHIP: ("relationship.changed", "relationship.changed"),
    JOIN_REQUEST: ("chat.join_request.changed", ""),
    WORKFLOW_EVENT: ("chat.workflow_event.changed", ""),
}
"""The event of a new or changed line, and of one that is gone; empty: none."""


def is_name(value: object) -> bool:
    """Whether it can name something: text, and not empty."""
    return isinstance(value, str) and value != ""


def chat_lines(chats: Sequence[ChatSummary]) -> list[Line]:
    """Membership of each chat."""
    return [
        Line(
            kind=CHAT,
            key=chat["id"],
            state="member",
            metadata={"chat_id": chat["id"], "title": chat.get("title")},
        )
        for chat in chats
    ]


def relationship_lines(relationships: Sequence[Relationship]) -> list[Line]:
    """The state of each relationship."""
    return [
        Line(
            kind=RELATIONSHIP,
            key=each["id"],
            state=each["state"],
            metadata={
                "relationship_id": each["id"],
                "other_user_id": each["other_user_id"],
                "is_requester": each["is_requester"],
            },
            is_open=each["state"] == "pending" and not each["is_requester"],
        )
        for each in relationships
    ]


def join_request_lines(requests: Sequence[JoinRequest]) -> list[Line]:
    """The state of each request to join a group of one's own; one row per requester, asked again and again."""
    return [
        Line(
            kind=JOIN_REQUEST,
            key=each["id"],
            state=f"{each['state']}@{each['created_at']}",
            metadata={
                "chat_id": each["chat_id"],
                "chat_join_request_id": each["id"],
                "requester_user_id": each["requester_user_id"],
                "state": each["state"],
            },
            is_open=each["state"] == "pending",
        )
        for each in requests
    ]


def workflow_event_lines(events: Sequence[WorkflowEvent]) -> list[Line]:
    """The version of each workflow event; an id may be used again (2.8), so the time of creation counts too."""
    return [
        Line(
            kind=WORKFLOW_EVENT,
            key=f"{each['chat_id']}/{each['event_id']}",
            state=f"{each['state_version']}@{each['created_at']}",
            metadata={
                "chat_id": each["chat_id"],
                "event_id": each["event_id"],
                "kind": each["kind"],
                "state": each["state"],
                "state_version": each["state_version"],
            },
        )
        for each in events
    ]


def compare(
    known: Mapping[tuple[str, str], str],
    lines: Sequence[Line],
    *,
    asked: frozenset[str],
    complete: frozenset[str],
    now: float,
) -> list[News]:
    """
    What is different from what is known.

    Args:
        known: The snapshot: state by kind and key.
        lines: What the server's lists say.
        asked: The kinds that `lines` can hold.
        complete: Those of them whose list was read whole: what is not in it is gone.
        now: Epoch seconds; the events' `ts`.

    Returns:
        Differences in the order of `lines`, what is gone last. A kind that was never read before is taken in
        silently: its past is no news.
    """
    baselines = {kind for kind, key in known if not key}
    news = [
        _changed(
            line,
            known.get((line.kind, line.key)),
            now,
            is_silent=line.kind not in baselines and not line.is_open,
        )
        for line in lines
        if known.get((line.kind, line.key)) != line.state
    ]
    present = {(line.kind, line.key) for line in lines}
    news += [
        _gone(kind, key, state, now)
        for (kind, key), state in known.items()
        if key and kind in complete and (kind, key) not in present
    ]
    news += [
        News(change=Change(kind=kind, key="", state="read"), event=None)
        for kind in sorted(asked)
        if kind not in baselines
    ]
    return news


def _changed(line: Line, before: str | None, now: float, *, is_silent: bool) -> News:
    change = Change(kind=line.kind, key=line.key, state=line.state)
    if is_silent:
        return News(change=change, event=None)
    metadata = {"state": line.state, "previous_state": _shown(before)} | dict(line.metadata)
    return News(change=change, event=_event(_EVENTS[line.kind][0], metadata, now))


def _gone(kind: str, key: str, before: str, now: float) -> News:
    change = Change(kind=kind, key=key, state=None)
    event_type = _EVENTS[kind][1]
    if not event_type:
        return News(change=change, event=None)
    id_name = "chat_id" if kind == CHAT else "relationship_id"
    metadata = {id_name: key, "state": "none", "previous_state": _shown(before)}
    return News(change=change, event=_event(event_type, metadata, now))


def _shown(state: str | None) -> str | None:
    return state.split("@", 1)[0] if state else None


def _event(event_type: str, metadata: Mapping[str, Any], now: float) -> Notify:
    told = {"event_type": event_type, "notification_type": NOTIFICATION_TYPE} | dict(metadata)
    return Notify(seq=InboxSeq(0), fingerprint=fingerprint(told), ts=now, metadata=told)
