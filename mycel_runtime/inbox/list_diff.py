"""
What changed on the server without a notification. Pure.

Being added to a chat, a relationship upgraded or revoked, a request to join one's group: nobody is told (Q36), and
what is told may get lost (Q4, Q24, Q25). So the lists are compared with what they said before, and each difference
becomes an event of its own that handlers may subscribe to: `chat.joined`, `chat.left`, `relationship.changed`,
`chat.join_request.changed`, `chat.workflow_event.changed`. A notification of the same thing may have been handled
before or may follow: these events tell a state, not an occurrence.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

from mycel_runtime.journal.batch import Change
from mycel_runtime.journal.told import TOLD, told_kind, told_version
from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.wire.codec import fingerprint
from mycel_runtime.wire.frames import Notify
from mycel_runtime.wire.ids import InboxSeq
from mycel_runtime.wire.versions import (
    GONE,
    state_of,
    version_of_join_request,
    version_of_relationship,
    version_of_workflow_event,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from mycel_runtime.journal.ids import HandlerId
    from mycel_runtime.wire.resources import ChatSummary, JoinRequest, Relationship, WorkflowEvent


CHAT: Final = "chat"
RELATIONSHIP: Final = "relationship"
JOIN_REQUEST: Final = "join_request"
WORKFLOW_EVENT: Final = "workflow_event"
"""Kinds of records; a chat's tells a membership."""


NOTIFICATION_TYPE: Final = "reconcile"
"""Of our own events, where the server's say `chat`, `relationship`, …"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """
    A record of one of the server's lists.

    Attributes:
        kind, key: Which list, which record.
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
            raise ValueError("a record of a list without its key or state")


@dataclass(frozen=True, slots=True, kw_only=True)
class ListDiff:
    """A difference: the snapshot's change, and the event that tells it; silent for what was there at the start."""

    change: Change
    event: Notify | None


ListOfChat: TypeAlias = tuple[str, str]
"""A kind of which each chat has a list of its own, and the chat."""

_UNREAD: Final = "!unread "
"""Before such a kind: the chats (keys) whose list has not been read since the kind's baseline was taken."""

_EVENTS: Final = {
    CHAT: ("chat.joined", "chat.left"),
    RELATIONSHIP: ("relationship.changed", "relationship.changed"),
    JOIN_REQUEST: ("chat.join_request.changed", ""),
    WORKFLOW_EVENT: ("chat.workflow_event.changed", ""),
}
"""The event of a new or changed record, and of one that is gone; empty: none."""


def events_of(kind: str) -> tuple[str, ...]:
    """The types of the events that differences of a kind become."""
    return tuple(event_type for event_type in _EVENTS[kind] if event_type)


def is_name(value: object) -> bool:
    """Whether it can name something: text, and not empty."""
    return isinstance(value, str) and value != ""


def chat_records(chats: Sequence[ChatSummary]) -> list[Record]:
    """Membership of each chat."""
    return [
        Record(
            kind=CHAT,
            key=chat["id"],
            state="member",
            metadata={"chat_id": chat["id"], "title": chat.get("title")},
        )
        for chat in chats
    ]


def relationship_records(relationships: Sequence[Relationship]) -> list[Record]:
    """The state of each relationship."""
    return [
        Record(
            kind=RELATIONSHIP,
            key=each["id"],
            state=version_of_relationship(each),
            metadata={
                "state": each["state"],
                "relationship_id": each["id"],
                "other_user_id": each["other_user_id"],
                "is_requester": each["is_requester"],
            },
            is_open=each["state"] == "pending" and not each["is_requester"],
        )
        for each in relationships
    ]


def join_request_records(requests: Sequence[JoinRequest]) -> list[Record]:
    """The state of each request to join a group of one's own."""
    return [
        Record(
            kind=JOIN_REQUEST,
            key=each["id"],
            state=version_of_join_request(each),
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


def workflow_event_records(events: Sequence[WorkflowEvent]) -> list[Record]:
    """The version of each workflow event."""
    return [
        Record(
            kind=WORKFLOW_EVENT,
            key=f"{each['chat_id']}/{each['event_id']}",
            state=version_of_workflow_event(each),
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
    records: Sequence[Record],
    *,
    asked: frozenset[str],
    complete: frozenset[str],
    now: float,
    failed: Collection[ListOfChat] = (),
    told: Mapping[tuple[str, str], str] | None = None,
) -> list[ListDiff]:
    """
    What is different from what is known.

    Args:
        known: The snapshot: state by kind and key.
        records: What the server's lists say.
        asked: The kinds that `records` can hold.
        complete: Those of them whose list was read whole: what is not in it is gone.
        now: Epoch seconds; the events' `ts`.
        failed: Lists of single chats that could not be read.
        told: The `told_versions`.

    Returns:
        Differences in the order of `records`, what is gone last. A kind that was never read before is taken in
        silently: its past is no news. Nor is a chat's whose list could not be read then, when it is at last.
    """
    baselines = {kind for kind, key in known if not key}
    marks = {_UNREAD + kind: kind for kind in asked}
    late = {(marks[kind], key) for kind, key in known if kind in marks}
    diff = [
        _changed(
            record,
            known.get((record.kind, record.key)),
            now,
            is_silent=not record.is_open
            and (told or {}).get((record.kind, record.key)) in {None, record.state}
            and (record.kind not in baselines or _list_of(record) in late),
        )
        for record in records
        if not _is_same(known.get((record.kind, record.key)), record.state)
    ]
    present = {(record.kind, record.key) for record in records}
    diff += [
        _gone(kind, key, state, now)
        for (kind, key), state in {**(told or {}), **known}.items()
        if key and kind in complete and (kind, key) not in present
    ]
    diff += [
        ListDiff(change=Change(kind=kind, key="", state="read"), event=None)
        for kind in sorted(asked)
        if kind not in baselines
    ]
    return diff + _late_lists(asked - baselines, late, failed)


def told_versions(
    known: Mapping[tuple[str, str], str], handlers: Mapping[str, Collection[HandlerId]]
) -> Mapping[tuple[str, str], str]:
    """
    What handlers were told and is not gone: a frame may tell of what begins and ends between two looks.

    Args:
        known: The snapshot.
        handlers: Who hears of which kind.

    Returns:
        Versions by kind and key.
    """
    kinds = {told_kind(handler): kind for kind, of_kind in handlers.items() for handler in of_kind}
    return {
        (kinds[kind], key): told_version(line)
        for (kind, key), line in known.items()
        if key and kind in kinds and told_version(line) != GONE
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Welcome:
    """
    What handlers are told that are new, while somebody waits already.

    Attributes:
        changes: That they have been.
        events: Of what is open, each for these handlers only.
    """

    changes: tuple[Change, ...] = ()
    events: tuple[Notify, ...] = ()


def welcome(
    newcomers: Collection[HandlerId],
    kind: str,
    records: Sequence[Record],
    told: Sequence[ListDiff],
    now: float,
) -> Welcome:
    """
    What handlers that are new are told of a kind.

    Args:
        newcomers: The handlers.
        kind: Of what they hear.
        records: What the list says.
        told: The differences that are told anyhow.
        now: Epoch seconds.
    """
    if not newcomers:
        return Welcome()
    known = {(each.change.kind, each.change.key) for each in told if each.event is not None}
    waiting = [
        each for each in records if each.kind == kind and each.is_open and (kind, each.key) not in known
    ]
    return Welcome(
        changes=tuple(Change(kind=told_kind(each), key="", state="read") for each in newcomers),
        events=tuple(_told(each, each.state, now) for each in waiting),
    )


def left(known: Mapping[tuple[str, str], str], handlers: Collection[HandlerId]) -> list[Change]:
    """Handlers that are no more: if they come back, they are new."""
    present = {told_kind(each) for each in handlers}
    return [
        Change(kind=kind, key="", state=None)
        for kind, key in known
        if not key and kind.startswith(TOLD) and kind not in present
    ]


def _list_of(record: Record) -> ListOfChat:
    return (record.kind, str(record.metadata.get("chat_id")))


def _late_lists(
    begun: frozenset[str], late: Collection[ListOfChat], failed: Collection[ListOfChat]
) -> list[ListDiff]:
    """Which chats' lists are behind the baselines that are taken now, and which are not any longer."""
    states: dict[ListOfChat, str | None] = {each: "unread" for each in failed if each[0] in begun}
    states |= dict.fromkeys(each for each in late if each not in failed)
    return [
        ListDiff(change=Change(kind=_UNREAD + kind, key=chat_id, state=state), event=None)
        for (kind, chat_id), state in sorted(states.items())
    ]


def _changed(record: Record, before: str | None, now: float, *, is_silent: bool) -> ListDiff:
    change = Change(kind=record.kind, key=record.key, state=record.state)
    if is_silent:
        return ListDiff(change=change, event=None)
    return ListDiff(change=change, event=_told(record, before, now))


def _told(record: Record, before: str | None, now: float) -> Notify:
    metadata = {"state": record.state, "previous_state": _shown(before)} | dict(record.metadata)
    return _event(_EVENTS[record.kind][0], metadata, now)


def _gone(kind: str, key: str, before: str, now: float) -> ListDiff:
    change = Change(kind=kind, key=key, state=None)
    event_type = _EVENTS[kind][1]
    if not event_type:
        return ListDiff(change=change, event=None)
    id_name = "chat_id" if kind == CHAT else "relationship_id"
    metadata = {id_name: key, "state": "none", "previous_state": _shown(before)}
    return ListDiff(change=change, event=_event(event_type, metadata, now))


def _shown(state: str | None) -> str | None:
    return state_of(state) if state else None


def _is_same(known: str | None, version: str) -> bool:
    """What an older journal has noted of relationships is the state alone."""
    return known in {version, state_of(version)}


def _event(event_type: str, metadata: Mapping[str, Any], now: float) -> Notify:
    told = {"event_type": event_type, "notification_type": NOTIFICATION_TYPE} | dict(metadata)
    return Notify(seq=InboxSeq(0), fingerprint=fingerprint(told), ts=now, metadata=told)
