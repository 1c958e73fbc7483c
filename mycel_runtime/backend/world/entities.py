"""
What is stored: flat records, each with a kind and a key.

Times are float epoch seconds. A field marked `derived` is computed, never stored.

Source: contract section 8, "Faithful minimum data model".
"""

from __future__ import annotations

from dataclasses import field
from typing import Any, ClassVar, Literal, Protocol

from mycel_runtime.lazy_dataclass import dataclass

UserType = Literal["human", "agent", "external"]
SEPARATOR = "\x1f"


class Entity(Protocol):
    """A record that storage can keep."""

    table: ClassVar[str]

    @property
    def key(self) -> str:
        """Unique within the kind."""


@dataclass(slots=True, kw_only=True)
class User:
    """A human, an agent or an external agent."""

    table: ClassVar[str] = "user"

    id: str
    name: str
    type: UserType
    email: str | None = None
    mycel_id: int | None = None
    avatar: str | None = None
    is_guest: bool = False
    owner_user_id: str | None = None
    created_by_user_id: str | None = None
    password: str | None = field(default=None, repr=False)
    description: str = ""
    created_at: float = 0.0

    @property
    def key(self) -> str:
        """The id."""
        return self.id

    @property
    def owner_id(self) -> str:
        """Whose it is: a human's is himself, an external's its creator, an agent's its owner (4.7)."""
        return self.owner_user_id or self.created_by_user_id or self.id


@dataclass(slots=True, kw_only=True)
class Chat:
    """A chat without its members and messages; `next_seq` is the number of the next message."""

    table: ClassVar[str] = "chat"

    id: str
    type: Literal["direct", "group"]
    title: str | None
    created_by_user_id: str
    created_at: float
    updated_at: float
    status: str = "active"
    next_seq: int = 1

    @property
    def key(self) -> str:
        """The id."""
        return self.id


@dataclass(slots=True, kw_only=True)
class Member:
    """
    Somebody in a chat, and how far he has read.

    Attributes:
        unread: How many messages are unread for him (4.3).
    """

    table: ClassVar[str] = "member"

    chat_id: str
    user_id: str
    cursor: int = 0
    muted: bool = False
    mute_until: float | None = None
    unread: int = field(default=0, metadata={"derived": True})

    @property
    def key(self) -> str:
        """Chat and user."""
        return self.chat_id + SEPARATOR + self.user_id


@dataclass(slots=True, kw_only=True)
class Message:
    """A message as stored (2.6); `reply_to` is never told to anybody."""

    table: ClassVar[str] = "message"

    id: str
    chat_id: str
    seq: int
    sender_id: str
    content: str = field(repr=False)
    created_at: float
    message_type: str = "human"
    mentioned_ids: list[str] = field(default_factory=list)
    delivery_scope: str = "broadcast"
    addressed_to_user_ids: list[str] = field(default_factory=list)
    reply_to: str | None = None
    signal: str | None = None
    retracted_at: float | None = None
    hidden_for: list[str] = field(default_factory=list)

    @property
    def key(self) -> str:
        """The id."""
        return self.id

    def concerns(self, user_id: str) -> bool:
        """Whether it would be unread for this member with a cursor below it (4.3)."""
        return (
            self.sender_id != user_id
            and (self.delivery_scope != "addressed" or user_id in self.addressed_to_user_ids)
            and user_id not in self.hidden_for
        )


@dataclass(slots=True, kw_only=True)
class QueueItem:
    """Something that waits in an inbox (5.1). `content` is the event's own metadata."""

    table: ClassVar[str] = "queue"

    id: int
    inbox: str
    content: dict[str, Any] = field(repr=False)
    notification_type: str
    sender_id: str | None = None
    sender_name: str | None = None
    source: str = "external"

    @property
    def key(self) -> str:
        """The place in the queue."""
        return str(self.id)


@dataclass(slots=True, kw_only=True)
class Relationship:
    """A relationship of two users, `low` before `high` by string order (4.11)."""

    table: ClassVar[str] = "relationship"

    low: str
    high: str
    state: str
    initiator: str
    message: str | None
    created_at: float
    updated_at: float

    @property
    def key(self) -> str:
        """The id on the wire (1.6)."""
        return f"hire_visit:{self.low}:{self.high}"


@dataclass(slots=True, kw_only=True)
class Contact:
    """How `source` takes what `target` says: as far as delivery needs it (4.7)."""

    table: ClassVar[str] = "contact"

    source: str
    target: str
    blocked: bool = False
    muted: bool = False

    @property
    def key(self) -> str:
        """Both users."""
        return self.source + SEPARATOR + self.target


@dataclass(slots=True, kw_only=True)
class JoinRequest:
    """Somebody's wish to join a group (4.10); one per chat and requester."""

    table: ClassVar[str] = "join_request"

    chat_id: str
    requester_user_id: str
    message: str | None = field(repr=False)
    created_at: float
    updated_at: float
    state: str = "pending"
    decided_by_user_id: str | None = None
    decided_at: float | None = None

    @property
    def key(self) -> str:
        """The id on the wire (1.6)."""
        return f"chat_join:{self.chat_id}:{self.requester_user_id}"


@dataclass(slots=True, kw_only=True)
class Workflow:
    """A chat's workflow (2.8)."""

    table: ClassVar[str] = "workflow"

    chat_id: str
    kind: str
    state: str
    config: dict[str, Any]
    state_version: int
    updated_by_user_id: str | None
    created_at: float
    updated_at: float

    @property
    def key(self) -> str:
        """The chat."""
        return self.chat_id


@dataclass(slots=True, kw_only=True)
class WorkflowEvent:
    """An event of a chat's workflow (2.8)."""

    table: ClassVar[str] = "workflow_event"

    chat_id: str
    event_id: str
    kind: str
    requested_by_user_id: str | None
    created_at: float
    updated_at: float
    state: str = "open"
    resource_refs: list[Any] = field(default_factory=list)
    decision_states: dict[str, Any] = field(default_factory=dict)
    rationales: dict[str, Any] = field(default_factory=dict)
    final_state: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    state_version: int = 0
    settled_at: float | None = None

    @property
    def key(self) -> str:
        """Chat and number."""
        return self.chat_id + SEPARATOR + self.event_id


@dataclass(slots=True, kw_only=True)
class Task:
    """A chat's task (2.8)."""

    table: ClassVar[str] = "task"

    chat_id: str
    id: str
    subject: str
    description: str
    status: str = "pending"
    active_form: str | None = None
    owner: str | None = None
    blocks: list[str] = field(default_factory=list)
    blocked_by: list[str] = field(default_factory=list)
    metadata: dict[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """Chat and number."""
        return self.chat_id + SEPARATOR + self.id


@dataclass(slots=True, kw_only=True)
class Thread:
    """A managed agent's thread (2.4): a row, nothing is executed."""

    table: ClassVar[str] = "thread"

    id: str
    agent_user_id: str
    branch_index: int

    @property
    def key(self) -> str:
        """The id."""
        return self.id


@dataclass(slots=True, kw_only=True)
class Invitation:
    """An invite code; used up by a registration."""

    table: ClassVar[str] = "invitation"

    code: str
    used_by: str | None = None

    @property
    def key(self) -> str:
        """The code."""
        return self.code


@dataclass(slots=True, kw_only=True)
class Registration:
    """
    Somebody on the way to an account.

    Attributes:
        code: The one-time password that was sent.
        user_id: Of the account to be; its token exists once the code was verified.
    """

    table: ClassVar[str] = "registration"

    email: str
    password: str = field(repr=False)
    code: str = field(repr=False)
    user_id: str
    is_verified: bool = False

    @property
    def key(self) -> str:
        """The address."""
        return self.email
