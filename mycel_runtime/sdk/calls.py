"""
Each endpoint as a value. Pure.

A function per method of the reference SDK, with its name, arguments and defaults (contract 3.2) and exactly its body
on the wire; `resources` gives them their places in `Client` and `AsyncClient`. Chat and message ids are plain text.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Generic, Literal, TypeVar
from urllib.parse import quote

from mycel_runtime.sdk.pace import Worth
from mycel_runtime.wire.arguments import require_mentions, require_storable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mycel_runtime.wire import resources as wire

T = TypeVar("T")

_UNSET: Final[Any] = object()
"""For arguments where `None` is a value that goes on the wire."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Generic[T]):
    """
    A request and what its answer is.

    Attributes:
        path: Percent-encoded, below the base URL.
        body: JSON; `None` sends no body and no content type.
        answer: The JSON type that a 200 has.
        is_safe: Repeating it changes nothing on the server.
        is_send: A 409 means 'not caught up', and a 500 may hold the stored message (Q21).
        is_told_once: What it answers is in no later answer (Q26): if it is lost, it must be looked for elsewhere.
        empty: What an empty 200 stands for; `None`: it is an error.
        worth: What goes first where a server limits the rate of requests.
    """

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    path: str
    query: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    answer: Literal["object", "list"] = "object"
    is_authenticated: bool = True
    is_send: bool = False
    is_told_once: bool = False
    empty: Mapping[str, Any] | None = None
    worth: Worth = Worth.HISTORY

    @property
    def is_safe(self) -> bool:
        """Only reading is: the server has no idempotency keys (Q22)."""
        return self.method == "GET"


# Auth (contract 2.1)


def login(identifier: str, password: str) -> Call[wire.Login]:
    """Log a human in: `identifier` is an e-mail address or an all-digit mycel id."""
    return _public("login", identifier=identifier, password=password)


def send_otp(email: str, password: str, invite_code: str) -> Call[wire.Ok]:
    """Begin a registration: a one-time code goes to the e-mail address."""
    return _public("send-otp", email=email, password=password, invite_code=invite_code)


def verify_otp(email: str, token: str) -> Call[wire.TemporaryToken]:
    """Prove the one-time code `token`; the answer's `temp_token` completes the registration."""
    return _public("verify-otp", email=email, token=token)


def complete_register(temp_token: str, invite_code: str) -> Call[wire.Login]:
    """Complete a registration; may be repeated until the invite code is consumed."""
    return _public("complete-register", temp_token=temp_token, invite_code=invite_code)


def create_guest_owner(display_name: str | None = None) -> Call[wire.Login]:
    """Make a guest human, whose token never expires. Since 0.1.49."""
    return _public("guest", display_name=display_name)


def create_external_user(user_id: str, display_name: str) -> Call[wire.Login]:
    """
    Make an external agent; its token is shown this once.

    Raises:
        ConflictError: The id is taken; the token of the first creation is not recoverable.
    """
    return _post("/api/auth/external-users", user_id=user_id, display_name=display_name)


def whoami() -> Call[wire.User]:
    """Who the token belongs to."""
    return Call(method="GET", path="/api/auth/me")


# Managed agents and threads (contract 2.3, 2.4)


def list_agents() -> Call[wire.AgentList]:
    """The caller's managed agents: an object with `items`, not a list."""
    return Call(method="GET", path="/api/panel/agents")


def create_agent(name: str, *, description: str = "") -> Call[wire.Agent]:
    """Make a managed agent; humans only, guests not."""
    return _post("/api/panel/agents", name=name, description=description)


def create_thread(
    managed_agent_id: str,
    *,
    sandbox: str = "local",
    sandbox_template_id: str | None = None,
    existing_sandbox_id: str | None = None,
    cwd: str | None = None,
    model: str | None = None,
    agent: str | None = None,
    bind_mounts: Sequence[wire.BindMount] | None = None,
) -> Call[wire.Thread]:
    """
    Start a thread of a managed agent.

    Raises:
        ValueError: A bind mount's `mode` is neither `mount` nor `copy`.
        KeyError: A bind mount has no `source` or no `target`.
    """
    body = {
        "agent_user_id": managed_agent_id,
        "sandbox": sandbox,
        "sandbox_template_id": sandbox_template_id,
        "existing_sandbox_id": existing_sandbox_id,
        "cwd": cwd,
        "model": model,
        "agent": agent,
    }
    if bind_mounts is not None:
        body["bind_mounts"] = [_bind_mount(mount) for mount in bind_mounts]  # type: ignore[assignment]  # JSON
    return _post("/api/threads", **body)


# Chats (contract 2.5)


def list_chats() -> Call[list[wire.ChatSummary]]:
    """The caller's active chats, in storage order, with `unread_count` and `last_message`."""
    return Call(method="GET", path="/api/chats", answer="list", worth=Worth.LOOK)


def get_chat(chat_id: str) -> Call[wire.Chat]:
    """A chat's detail with its members."""
    return Call(method="GET", path=_chat(chat_id))


def create_chat(
    user_ids: Sequence[str], *, title: str | None = None, kind: wire.ChatKind = "auto"
) -> Call[wire.NewChat]:
    """
    Make a chat with others, or find the direct one with them.

    Args:
        user_ids: The others, without the caller.
        title: Of a new chat.
        kind: `auto`: direct with one other, group with more.
    """
    _require(kind, ("auto", "direct", "group"), "kind")
    return _post("/api/chats", user_ids=list(user_ids), title=title, kind=kind)


def ensure_direct(target_id: str) -> Call[wire.NewChat]:
    """The direct chat with somebody; made if there is none. Two at once may make two (Q43)."""
    return _post("/api/chats", user_ids=[target_id], title=None, kind="direct")


def add_member(chat_id: str, user_id: str) -> Call[wire.Membership]:
    """Put somebody into a group; its owner only. Nobody is notified (Q36)."""
    return _post(_chat(chat_id, "members"), user_id=user_id)


def join_target(chat_id: str) -> Call[wire.JoinTarget]:
    """A group as seen from outside."""
    return Call(method="GET", path=_chat(chat_id, "join-target"))


def list_join_requests(chat_id: str) -> Call[list[wire.JoinRequest]]:
    """All requests of every state; the group's owner only."""
    return Call(method="GET", path=_chat(chat_id, "join-requests"), answer="list", worth=Worth.LOOK)


def request_join(chat_id: str, *, message: str | None = None) -> Call[wire.JoinRequest]:
    """Ask to join a group; the text becomes a message in it."""
    return _post(_chat(chat_id, "join-requests"), message=message)


def approve_join(chat_id: str, request_id: str) -> Call[wire.JoinRequest]:
    """Let a requester in; the group's owner only."""
    return _post(_chat(chat_id, "join-requests", request_id, "approve"))


def reject_join(chat_id: str, request_id: str) -> Call[wire.JoinRequest]:
    """Turn a requester away; the group's owner only."""
    return _post(_chat(chat_id, "join-requests", request_id, "reject"))


def mute_member(chat_id: str, user_id: str, *, mute_until: float | None = None) -> Call[wire.Mute]:
    """
    Wake a member of one's own no more in this chat.

    Args:
        chat_id: The chat.
        user_id: The caller, or a user of the caller's.
        mute_until: Epoch seconds; the server stores it and never ends the mute by it (Q33).
    """
    return _post(_chat(chat_id, "mute"), user_id=user_id, muted=True, mute_until=mute_until)


def unmute_member(chat_id: str, user_id: str) -> Call[wire.Mute]:
    """End a mute."""
    return _post(_chat(chat_id, "mute"), user_id=user_id, muted=False, mute_until=None)


# Workflow, its events, tasks (contract 2.8)


def get_workflow(chat_id: str) -> Call[wire.Workflow]:
    """A chat's workflow; `NotFoundError` when there is none."""
    return Call(method="GET", path=_chat(chat_id, "workflow"))


def set_workflow(
    chat_id: str,
    *,
    kind: str,
    state: str = "active",
    config: Mapping[str, Any] | None = None,
    expected_state_version: int | None = None,
) -> Call[wire.Workflow]:
    """
    Write a chat's workflow whole.

    Args:
        chat_id: The chat.
        kind: Free text.
        state: Free text.
        config: Replaces the old one; left out when `None`.
        expected_state_version: Since 0.1.56: `ConflictError` unless the workflow has this version.
    """
    optional = _without_none(config=config, expected_state_version=expected_state_version)
    return _write("PUT", _chat(chat_id, "workflow"), kind=kind, state=state, **optional)


def delete_workflow(chat_id: str) -> Call[wire.Status]:
    """Remove a chat's workflow, also if there is none."""
    return Call(method="DELETE", path=_chat(chat_id, "workflow"))


def list_workflow_events(chat_id: str) -> Call[list[wire.WorkflowEvent]]:
    """All events, ordered by id as text: 1, 10, 2."""
    return Call(method="GET", path=_chat(chat_id, "workflow", "events"), answer="list", worth=Worth.LOOK)


def create_workflow_event(
    chat_id: str,
    *,
    kind: str,
    resource_refs: Sequence[Any] | None = None,
    requested_by_user_id: str | None = None,
    decision_states: Mapping[str, Mapping[str, str]] | None = None,
    rationales: Mapping[str, Any] | None = None,
    final_state: Mapping[str, Any] | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> Call[wire.WorkflowEvent]:
    """Open an event. Name `requested_by_user_id`: without an actor some servers answer 500 (Q30)."""
    optional = _without_none(
        resource_refs=resource_refs,
        requested_by_user_id=requested_by_user_id,
        decision_states=decision_states,
        rationales=rationales,
        final_state=final_state,
        metadata=metadata,
    )
    return _post(_chat(chat_id, "workflow", "events"), kind=kind, **optional)


def get_workflow_event(chat_id: str, event_id: str) -> Call[wire.WorkflowEvent]:
    """One event."""
    return Call(method="GET", path=_chat(chat_id, "workflow", "events", event_id))


def update_workflow_event(
    chat_id: str,
    event_id: str,
    *,
    state: str | None = _UNSET,
    decision_states: Mapping[str, Mapping[str, str]] | None = _UNSET,
    rationales: Mapping[str, Any] | None = _UNSET,
    final_state: Mapping[str, Any] | None = _UNSET,
    metadata: Mapping[str, Any] | None = _UNSET,
    settled_at: float | None = _UNSET,
    expected_state_version: int | None = None,
) -> Call[wire.WorkflowEvent]:
    """
    Change an event; what is not given is not sent, and `None` leaves it unchanged on the server.

    Args:
        chat_id: The chat.
        event_id: The event.
        state: Free text.
        decision_states: By user id.
        rationales: By user id.
        final_state: Replaces the old one.
        metadata: Replaces the old one.
        settled_at: Epoch seconds.
        expected_state_version: Since 0.1.82: `ConflictError` unless the event has this version.
    """
    given = _given(
        state=state,
        decision_states=decision_states,
        rationales=rationales,
        final_state=final_state,
        metadata=metadata,
        settled_at=settled_at,
    )
    version = _without_none(expected_state_version=expected_state_version)
    return _write("PATCH", _chat(chat_id, "workflow", "events", event_id), **given, **version)


def delete_workflow_event(chat_id: str, event_id: str) -> Call[wire.Status]:
    """Remove an event."""
    return Call(method="DELETE", path=_chat(chat_id, "workflow", "events", event_id))


def list_tasks(chat_id: str) -> Call[list[wire.Task]]:
    """All tasks, ordered by id as text."""
    return Call(method="GET", path=_chat(chat_id, "tasks"), answer="list")


def create_task(
    chat_id: str,
    *,
    subject: str,
    description: str = "",
    status: str = "pending",
    active_form: str | None = None,
    owner: str | None = None,
    blocks: Sequence[str] | None = None,
    blocked_by: Sequence[str] | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> Call[wire.Task]:
    """Make a task. snake_case in, camelCase out."""
    optional = _without_none(
        active_form=active_form, owner=owner, blocks=blocks, blocked_by=blocked_by, metadata=metadata
    )
    return _post(_chat(chat_id, "tasks"), subject=subject, description=description, status=status, **optional)


def get_task(chat_id: str, task_id: str) -> Call[wire.Task]:
    """One task."""
    return Call(method="GET", path=_chat(chat_id, "tasks", task_id))


def update_task(
    chat_id: str,
    task_id: str,
    *,
    status: str | None = _UNSET,
    subject: str | None = _UNSET,
    description: str | None = _UNSET,
    active_form: str | None = _UNSET,
    owner: str | None = _UNSET,
    blocks: Sequence[str] | None = _UNSET,
    blocked_by: Sequence[str] | None = _UNSET,
    metadata: Mapping[str, Any] | None = _UNSET,
) -> Call[wire.Task]:
    """
    Change a task; what is not given is not sent, and `None` leaves it unchanged on the server.

    A `metadata` of `None` is not sent either, as by the reference SDK.
    """
    given = _given(
        status=status,
        subject=subject,
        description=description,
        active_form=active_form,
        owner=owner,
        blocks=blocks,
        blocked_by=blocked_by,
        metadata=_UNSET if metadata is None else metadata,
    )
    return _write("PATCH", _chat(chat_id, "tasks", task_id), **given)


def delete_task(chat_id: str, task_id: str) -> Call[wire.Status]:
    """Remove a task."""
    return Call(method="DELETE", path=_chat(chat_id, "tasks", task_id))


# Messages (contract 2.6)


def list_messages(chat_id: str, *, limit: int = 50, before: str | None = None) -> Call[list[wire.Message]]:
    """
    The newest messages, ascending; no cursor moves.

    Args:
        chat_id: The chat.
        limit: 1 … 200.
        before: A seq as text, exclusive.
    """
    query = (("limit", str(limit)), *(() if before is None else (("before", before),)))
    return Call(method="GET", path=_chat(chat_id, "messages"), query=query, answer="list")


def unread_messages(chat_id: str) -> Call[list[wire.Message]]:
    """The caller's unread messages, ascending; the cursor stays."""
    path = _chat(chat_id, "messages", "unread")
    return Call(method="GET", path=path, answer="list", worth=Worth.LOOK)


def read_messages(chat_id: str) -> Call[list[wire.Message]]:
    """
    The caller's unread messages, ascending, and the cursor moves to the newest of them.

    Destructive (Q26): if the answer is lost, they are read all the same.
    """
    return Call(
        method="POST",
        path=_chat(chat_id, "messages", "read"),
        answer="list",
        is_told_once=True,
        worth=Worth.READ,
    )


def mark_read(chat_id: str, up_to_seq: int | None = None) -> Call[wire.Status]:
    """
    Move the caller's cursor without reading.

    Args:
        chat_id: The chat.
        up_to_seq: Since 0.1.46, where it is demanded and cannot work, up to 0.1.83; never more than the largest seq
            seen (Q38). `None` is the call of before: no body, everything visible.
    """
    body = None if up_to_seq is None else _json({"up_to_seq": up_to_seq})
    return Call(
        method="POST",
        path=_chat(chat_id, "read"),
        body=body,
        empty={"status": "ok", "chat_id": chat_id},
        worth=Worth.READ,
    )


def send_message(
    chat_id: str,
    content: str,
    *,
    reply_to: str | None = None,
    mentions: Sequence[str] | None = None,
    delivery_scope: wire.DeliveryScope | None = "broadcast",
    addressed_to_user_ids: Sequence[str] | None = None,
    enforce_caught_up: bool = True,
) -> Call[wire.Message]:
    """
    Say something. Never repeated by the SDK: a lost answer leaves the outcome unknown (Q22).

    Args:
        chat_id: The chat.
        content: Not blank; the server says so.
        reply_to: A message id; stored, never returned.
        mentions: User ids; in a group a mention silences everybody else (Q32).
        delivery_scope: `addressed` gets the attention of `addressed_to_user_ids` only; everybody can read it. `None`
            says nothing about it: broadcast to every server, and generation A refuses to be told (422).
        addressed_to_user_ids: Members other than the sender.
        enforce_caught_up: Refuse while something is unread.

    Raises:
        ArgumentError: The content or a mention holds what no server can store; nothing was sent.
        NotCaughtUpError: Something is unread; read first.
        ServerError: Perhaps stored all the same; a stored message inside the answer is returned instead (Q21).
    """
    require_storable(content, "the content")
    require_mentions(mentions or ())
    body = {
        "content": content,
        "mentioned_ids": None if mentions is None else list(mentions),
        "delivery_scope": delivery_scope,
        "reply_to": reply_to,
        "enforce_caught_up": enforce_caught_up,
    }
    if delivery_scope is None:
        del body["delivery_scope"]
    else:
        _require(delivery_scope, ("broadcast", "addressed"), "delivery_scope")
    if addressed_to_user_ids is not None:
        body["addressed_to_user_ids"] = list(addressed_to_user_ids)
    path = _chat(chat_id, "messages")
    return Call(method="POST", path=path, body=_json(body), is_send=True, worth=Worth.SEND)


# Relationships (contract 2.9)


def list_relationships() -> Call[list[wire.Relationship]]:
    """The caller's relationships, from the caller's point of view."""
    return Call(method="GET", path="/api/relationships", answer="list", worth=Worth.LOOK)


def request_relationship(target_user_id: str, message: str | None = None) -> Call[wire.Relationship]:
    """Ask somebody for a relationship."""
    return _post("/api/relationships/request", target_user_id=target_user_id, message=message)


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


# Runtime inbox (contract 2.10, 2.11)


def drain_notifications() -> Call[wire.Drain]:
    """Take what waits in the inbox. Destructive, and its numbers are the stream's too (Q23)."""
    return Call(method="POST", path="/api/runtime/inbox/drain", worth=Worth.DRAIN)


def openapi() -> Call[dict[str, Any]]:
    """The backend's OpenAPI document, asked without a token."""
    return Call(method="GET", path="/openapi.json", is_authenticated=False)


def _public(name: str, **body: str | None) -> Call[Any]:
    """An endpoint that never gets the token."""
    return Call(method="POST", path=f"/api/auth/{name}", body=_json(body), is_authenticated=False)


def _post(path: str, **body: Any) -> Call[Any]:
    return Call(method="POST", path=path, body=_json(body))


def _write(method: Literal["PUT", "PATCH"], path: str, **body: Any) -> Call[Any]:
    return Call(method=method, path=path, body=_json(body))


def _decide(relationship_id: str, verb: str) -> Call[wire.Relationship]:
    return _post(f"/api/relationships/{_segment(relationship_id)}/{verb}")


def _chat(chat_id: str, *segments: str) -> str:
    """A path below a chat; nothing in an id is left unescaped (contract 1.6)."""
    return "/api/chats/" + "/".join(_segment(segment) for segment in (chat_id, *segments))


def _segment(text: str) -> str:
    """A piece of a path, with nothing left in it that means something; dots alone would walk up the path."""
    return quote(text, safe="") if text.strip(".") else text.replace(".", "%2E")


def _json(body: Mapping[str, Any]) -> bytes:
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def _without_none(**values: Any) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}


def _given(**values: Any) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not _UNSET}


def _require(value: str, allowed: tuple[str, ...], name: str) -> None:
    if value not in allowed:
        raise ValueError(f"{value!r} is not a valid {name}: one of {', '.join(allowed)}")


def _bind_mount(mount: wire.BindMount) -> dict[str, Any]:
    mode = mount.get("mode", "mount")
    _require(mode, ("mount", "copy"), "bind mount mode")
    return {
        "source": mount["source"],
        "target": mount["target"],
        "mode": mode,
        "read_only": mount.get("read_only", False),
    }
