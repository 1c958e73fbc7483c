"""
What a release of the genuine `mycel-sdk` is asked, line by line, in a town of its own.

A line works if the method gives back what its `works` looks for. Names in braces are ids of the town, or of what an
earlier line made.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """
    A call of a method.

    Attributes:
        method: Group and name, or `backend_info`.
        form: What sets this call of the method apart from another line's.
        who: Who calls.
        keep: Under which name the result's id is kept.
        works: Whether a result is what was asked for.
    """

    method: str
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)
    form: str = ""
    who: str = "owner"
    keep: str = ""
    works: Callable[[Any], object] = bool

    @property
    def name(self) -> str:
        """Its row in the table."""
        return f"{self.method}({self.form})" if self.form else self.method


def has(*keys: str) -> Callable[[Any], bool]:
    return lambda result: isinstance(result, dict) and result.keys() >= set(keys)


def rows(result: Any) -> bool:
    """A list with something in it."""
    return isinstance(result, list) and bool(result)


def is_(key: str, value: object) -> Callable[[Any], bool]:
    return lambda result: isinstance(result, dict) and result.get(key) == value


SECRET: Final = ("owner@example.org", "secret")
FRESH: Final = "fresh@example.org"
MEMBER: Final = is_("state", "member")

LINES: Final = (
    Line(method="backend_info", works=lambda info: all(info["capabilities"].values())),
    Line(method="auth.login", args=SECRET, who="nobody", works=has("token", "user")),
    Line(
        method="auth.send_otp",
        args=(FRESH, "secret", "{invitation}"),
        who="nobody",
        works=is_("ok", value=True),
    ),
    Line(
        method="auth.verify_otp",
        args=(FRESH, "{code}"),
        who="nobody",
        keep="temp_token",
        works=has("temp_token"),
    ),
    Line(
        method="auth.complete_register",
        args=("{temp_token}", "{invitation}"),
        who="nobody",
        works=has("token", "user", "agent"),
    ),
    Line(method="auth.create_guest_owner", who="nobody", works=has("token", "user")),
    Line(method="auth.create_external_user", args=("made", "Made"), works=has("token", "user")),
    Line(method="users.create_external", args=("made-too", "Made"), works=has("token", "user")),
    Line(method="me.whoami", who="agent", works=is_("id", "agent")),
    Line(method="agents.create", args=("Toad",), keep="managed", works=has("id", "config")),
    Line(method="agents.list", works=lambda result: rows(result["items"])),
    Line(method="threads.create", args=("{managed}",), works=is_("is_main", value=True)),
    Line(method="chats.direct", args=("other",), keep="direct", works=has("id", "status")),
    Line(method="chats.ensure_direct", args=("other",), works=has("id", "status")),
    Line(
        method="chats.create",
        args=(["agent"],),
        kwargs={"title": "Team", "kind": "group"},
        keep="made-group",
        works=has("id", "status"),
    ),
    Line(method="chats.list", works=rows),
    Line(method="chats.get", args=("{group}",), works=is_("type", "group")),
    Line(method="chats.add_member", args=("{group}", "third"), works=MEMBER),
    Line(method="chats.join_target", args=("{group}",), who="stranger", works=is_("is_member", value=False)),
    Line(
        method="chats.request_join",
        args=("{group}",),
        who="stranger",
        keep="wish",
        works=is_("state", "pending"),
    ),
    Line(method="chats.list_join_requests", args=("{group}",), works=rows),
    Line(method="chats.reject_join", args=("{group}", "{wish}"), works=is_("state", "rejected")),
    Line(
        method="chats.request_join",
        form="message",
        args=("{group}",),
        kwargs={"message": "please"},
        who="stranger",
        keep="wish",
        works=is_("message", "please"),
    ),
    Line(method="chats.approve_join", args=("{group}", "{wish}"), works=is_("state", "approved")),
    Line(method="chats.mute_member", args=("{group}", "agent"), works=is_("muted", value=True)),
    Line(method="chats.unmute_member", args=("{group}", "agent"), works=is_("muted", value=False)),
    Line(
        method="chats.set_workflow",
        args=("{group}",),
        kwargs={"kind": "review"},
        works=is_("state_version", 0),
    ),
    Line(
        method="chats.set_workflow",
        form="expected_state_version",
        args=("{studio}",),
        kwargs={"kind": "kept", "expected_state_version": 0},
        works=is_("state_version", 1),
    ),
    Line(method="chats.get_workflow", args=("{studio}",), works=is_("kind", "kept")),
    Line(
        method="chats.create_workflow_event",
        args=("{group}",),
        kwargs={"kind": "k"},
        works=is_("event_id", "1"),
    ),
    Line(method="chats.list_workflow_events", args=("{group}",), works=rows),
    Line(method="chats.get_workflow_event", args=("{group}", "1"), works=is_("event_id", "1")),
    Line(
        method="chats.update_workflow_event",
        args=("{group}", "1"),
        kwargs={"state": "settled"},
        works=is_("state", "settled"),
    ),
    Line(
        method="chats.update_workflow_event",
        form="expected_state_version",
        args=("{group}", "1"),
        kwargs={"state": "again", "expected_state_version": 1},
        works=is_("state", "again"),
    ),
    Line(method="chats.delete_workflow_event", args=("{group}", "1"), works=is_("status", "deleted")),
    Line(method="chats.delete_workflow", args=("{group}",), works=is_("status", "deleted")),
    Line(
        method="chats.create_task",
        args=("{group}",),
        kwargs={"subject": "s", "description": "d"},
        works=is_("id", "1"),
    ),
    Line(method="chats.list_tasks", args=("{group}",), works=rows),
    Line(method="chats.get_task", args=("{group}", "1"), works=is_("subject", "s")),
    Line(
        method="chats.update_task",
        args=("{group}", "1"),
        kwargs={"status": "done"},
        works=is_("status", "done"),
    ),
    Line(method="chats.delete_task", args=("{group}", "1"), works=is_("status", "deleted")),
    Line(method="messages.send", args=("{talk}", "hello"), works=is_("content", "hello")),
    Line(
        method="messages.send",
        form="addressed",
        args=("{talk}", "to you"),
        kwargs={"delivery_scope": "addressed", "addressed_to_user_ids": ["agent"]},
        works=is_("addressed_to_user_ids", ["agent"]),
    ),
    Line(method="messages.list", args=("{talk}",), works=rows),
    Line(method="messages.list_all", args=("{talk}",), works=rows),
    Line(method="messages.unread", args=("{talk}",), who="agent", works=rows),
    Line(
        method="messages.mark_read", form="chat_id", args=("{talk}",), who="agent", works=is_("status", "ok")
    ),
    Line(
        method="messages.mark_read",
        form="up_to_seq",
        args=("{talk}", 1),
        who="agent",
        works=is_("status", "ok"),
    ),
    Line(
        method="messages.read", args=("{talk}",), who="agent", works=lambda result: isinstance(result, list)
    ),
    Line(
        method="relationships.request",
        args=("{owner}",),
        who="agent",
        keep="bond",
        works=is_("state", "pending"),
    ),
    Line(method="relationships.list", who="agent", works=rows),
    Line(method="relationships.approve", args=("{bond}",), works=is_("state", "visit")),
    Line(method="relationships.upgrade", args=("{bond}",), works=is_("state", "hire")),
    Line(method="relationships.downgrade", args=("{bond}",), works=is_("state", "visit")),
    Line(method="relationships.revoke", args=("{bond}",), works=is_("state", "none")),
    Line(
        method="relationships.request",
        form="message",
        args=("{owner}", "please"),
        who="agent",
        keep="bond",
        works=is_("message", "please"),
    ),
    Line(method="relationships.reject", args=("{bond}",), works=is_("state", "none")),
    Line(
        method="notifications.drain",
        who="agent",
        works=lambda result: result["count"] == len(result["notifications"]),
    ),
    Line(
        method="notifications.wait",
        kwargs={"timeout_seconds": 0},
        who="agent",
        works=has("count", "notifications"),
    ),
)

STREAMS: Final[tuple[tuple[str, dict[str, Any]], ...]] = (
    ("", {}),
    ("timeout", {"timeout": 0.5}),
    ("connect_timeout", {"connect_timeout": 10.0}),
    ("should_stop", {"stoppable": True}),
)
"""Forms of `notifications.stream`, each from `since_seq=0`: a replayed frame and a live one must come."""
