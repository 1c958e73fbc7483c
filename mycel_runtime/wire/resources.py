"""
What the HTTP API answers, as types over plain JSON.

`chat["id"]` works and fields that are not named here survive: nothing is copied or dropped at run time.
`NotRequired` marks fields that some generation of the server leaves out. Times are float epoch seconds
unless the field says ISO 8601.

Source: contract section 2.
"""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict

UserType = Literal["human", "agent", "external"]
DeliveryScope = Literal["broadcast", "addressed"]
ChatKind = Literal["auto", "direct", "group"]
RelationshipState = Literal["none", "pending", "visit", "hire"]
JoinRequestState = Literal["pending", "approved", "rejected"]


class User(TypedDict):
    """`GET /api/auth/me` (2.1). `is_guest` is absent before B2."""

    id: str
    name: str
    type: UserType
    email: str | None
    mycel_id: int | None
    avatar: str | None
    is_guest: NotRequired[bool]


class LoginUser(TypedDict):
    """The `user` of a login, a registration or a guest (2.1)."""

    id: str
    name: str
    mycel_id: NotRequired[int | None]
    email: NotRequired[str | None]
    avatar: NotRequired[str | None]
    type: NotRequired[UserType]
    is_guest: NotRequired[bool]
    created_by_user_id: NotRequired[str]


class LoginAgent(TypedDict):
    """The first managed agent of whoever logged in (2.1)."""

    id: str
    name: str
    type: UserType
    avatar: str | None


class Login(TypedDict):
    """A token and whose it is (2.1)."""

    token: str
    user: LoginUser
    agent: NotRequired[LoginAgent | None]


class TemporaryToken(TypedDict):
    """The answer of a verified one-time password (2.1)."""

    temp_token: str


class Ok(TypedDict):
    """`{"ok": true}` (2.1)."""

    ok: bool


class Agent(TypedDict):
    """A managed agent (2.3)."""

    id: str
    name: str
    description: str
    model: str | None
    status: str
    version: str
    avatar_url: str | None
    created_at: float
    updated_at: float
    source: NotRequired[Any]
    config: NotRequired[dict[str, Any]]


class AgentList(TypedDict):
    """`{"items": […]}`, not a list (2.3)."""

    items: list[Agent]


class BindMount(TypedDict):
    """A folder given to a thread's sandbox (2.4)."""

    source: str
    target: str
    mode: NotRequired[Literal["mount", "copy"]]
    read_only: NotRequired[bool]


class Thread(TypedDict):
    """A managed agent's thread (2.4)."""

    thread_id: str
    sandbox: str
    agent_user_id: str
    agent_name: str
    branch_index: int
    sidebar_label: str | None
    avatar_url: str | None
    is_main: bool


class Member(TypedDict):
    """Somebody in a chat (2.5). Role, mute and cursor are never shown."""

    id: str
    name: str
    type: UserType
    avatar_url: str | None


class LastMessage(TypedDict):
    """The newest message of a chat, whoever sent it (2.5). Gen A: without `id` and `seq`."""

    id: NotRequired[str]
    content: str
    sender_name: str
    seq: NotRequired[int]
    created_at: float


class ChatSummary(TypedDict):
    """An entry of the chat list (2.5)."""

    id: str
    title: str
    status: str
    created_at: float
    updated_at: float
    avatar_url: str | None
    members: list[Member]
    last_message: LastMessage | None
    unread_count: int


class NewChat(TypedDict):
    """A chat just created or found (2.5)."""

    id: str
    title: str | None
    status: str
    created_at: float


class Chat(TypedDict):
    """A chat's detail (2.5)."""

    id: str
    type: Literal["direct", "group"]
    title: str | None
    status: str
    created_by_user_id: str
    created_at: float
    members: list[Member]


class Membership(TypedDict):
    """A member just added (2.5)."""

    chat_id: str
    user_id: str
    state: str


class Mute(TypedDict):
    """A mute just set or lifted (2.5)."""

    status: str
    muted: bool


class Message(TypedDict):
    """A message (2.6). Gen A: without scope and addressees. `reply_to` is never returned."""

    id: str
    chat_id: str
    sender_id: str
    sender_name: NotRequired[str]
    content: str
    message_type: str
    mentioned_ids: list[str]
    delivery_scope: NotRequired[DeliveryScope]
    addressed_to_user_ids: NotRequired[list[str]]
    seq: int
    signal: str | None
    retracted_at: float | None
    created_at: float


class Status(TypedDict):
    """`{"status": "ok"}` or `{"status": "deleted"}`."""

    status: str
    chat_id: NotRequired[str]


class JoinRequest(TypedDict):
    """Somebody's wish to join a group (2.7)."""

    id: str
    chat_id: str
    requester_user_id: str
    state: JoinRequestState
    message: str | None
    decided_by_user_id: str | None
    decided_at: float | None
    created_at: float
    updated_at: float
    requester_name: str | None
    requester_type: UserType | None


class JoinTarget(TypedDict):
    """A group as seen from outside (2.7)."""

    id: str
    type: Literal["direct", "group"]
    title: str | None
    status: str
    created_by_user_id: str
    is_member: bool
    current_request: JoinRequest | None


class Workflow(TypedDict):
    """A chat's workflow (2.8)."""

    chat_id: str
    kind: str
    state: str
    config: dict[str, Any]
    state_version: int
    updated_by_user_id: str | None
    created_at: float
    updated_at: float


class WorkflowEvent(TypedDict):
    """An event of a chat's workflow (2.8). Its key is `event_id`."""

    chat_id: str
    event_id: str
    kind: str
    state: str
    resource_refs: list[Any]
    requested_by_user_id: str | None
    decision_states: dict[str, dict[str, str]]
    rationales: dict[str, Any]
    final_state: dict[str, Any]
    metadata: dict[str, Any]
    state_version: int
    created_at: float
    updated_at: float | None
    """`None` in the answer that made the event."""
    settled_at: float | None


class Task(TypedDict):
    """A chat's task (2.8): camelCase out, snake_case in."""

    id: str
    subject: str
    description: str
    status: str
    activeForm: str | None
    owner: str | None
    blocks: list[str]
    blockedBy: list[str]
    metadata: dict[str, Any]


class Relationship(TypedDict):
    """A relationship from the caller's point of view (2.9). Times are ISO 8601."""

    id: str
    other_user_id: str
    state: RelationshipState
    is_requester: bool
    message: str | None
    created_at: str
    updated_at: str


class Drain(TypedDict):
    """What waited in the inbox (2.10)."""

    count: int
    notifications: list[dict[str, Any]]


class Capabilities(TypedDict):
    """Which endpoints a backend has (2.11)."""

    guest_auth: bool
    external_users: bool
    chat_messages: bool
    runtime_inbox: bool


class BackendInfo(TypedDict):
    """What a backend says about itself (2.11)."""

    base_url: str
    openapi: str | None
    title: str | None
    version: str | None
    capabilities: Capabilities
