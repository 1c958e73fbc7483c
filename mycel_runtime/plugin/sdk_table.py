"""
What becomes of each call of the SDK that a plugin makes as its agent. Pure.

Closed: a method of the clients that is in no class here is refused, and a test names it. *Passing* are calls that
read without moving anything, and writes that are no messages. *Ours* do the same by the runtime's means. *Refused* is
what would break a promise that the runtime has made to the agent's other handlers, or is not about this agent; the
error names the call to use instead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from mycel_runtime.errors import GuardedCallError

if TYPE_CHECKING:
    from collections.abc import Mapping


class Refusal(NamedTuple):
    """Why a call is refused, and what to call instead."""

    problem: str
    fix: str


PASSING: Final = frozenset(
    {
        "backend_info",
        "auth.create_external_user",
        "me.whoami",
        "users.create_external",
        "agents.list",
        "agents.create",
        "threads.create",
        "chats.list",
        "chats.get",
        "chats.create",
        "chats.direct",
        "chats.ensure_direct",
        "chats.add_member",
        "chats.join_target",
        "chats.list_join_requests",
        "chats.request_join",
        "chats.approve_join",
        "chats.reject_join",
        "chats.mute_member",
        "chats.unmute_member",
        "chats.get_workflow",
        "chats.set_workflow",
        "chats.delete_workflow",
        "chats.list_workflow_events",
        "chats.create_workflow_event",
        "chats.get_workflow_event",
        "chats.update_workflow_event",
        "chats.delete_workflow_event",
        "chats.list_tasks",
        "chats.create_task",
        "chats.get_task",
        "chats.update_task",
        "chats.delete_task",
        "messages.list",
        "messages.unread",
        "relationships.list",
        "relationships.request",
        "relationships.approve",
        "relationships.reject",
        "relationships.upgrade",
        "relationships.revoke",
        "relationships.downgrade",
    }
)

READING: Final = frozenset(
    {
        "backend_info",
        "me.whoami",
        "agents.list",
        "chats.list",
        "chats.get",
        "chats.list_join_requests",
        "chats.get_workflow",
        "chats.list_workflow_events",
        "chats.get_workflow_event",
        "chats.list_tasks",
        "chats.get_task",
        "messages.list",
        "messages.unread",
        "relationships.list",
    }
)
"""Those of them that change nothing on the server."""

SEND: Final = "messages.send"
"""Is the delivery's reply, in the chat that its handler was called for."""

WALKS: Final = frozenset({"messages.iterate", "messages.list_all"})
"""Made of other calls, each of which is looked at."""

CLOSING: Final = frozenset({"aclose", "close"})
"""Do nothing: the connections are the runtime's."""

OURS: Final = WALKS | CLOSING | {SEND}

_MARKS_AS_READ: Final = Refusal(
    "it would mark as read what other handlers of this agent have not been shown",
    "ctx.read(chat_id) returns what this plugin has not been shown, and counts it; in the chat that a handler was"
    " called for, ctx.newer() does. `ctx.sdk.messages.unread(chat_id)` marks nothing.",
)
_TAKES_FRAMES: Final = Refusal(
    "the inbox has one subscriber, which is the runtime: this would take its frames away",
    'Declare a handler: @plugin.on_frame("pattern").',
)
_OF_SOMEBODY_ELSE: Final = Refusal(
    "it is not about this agent",
    "Use a client of your own: `mycel_runtime.sdk.AsyncClient(base_url=…)`, or `Client`.",
)

REFUSED: Final[Mapping[str, Refusal]] = {
    "messages.read": _MARKS_AS_READ,
    "messages.mark_read": _MARKS_AS_READ,
    "notifications.drain": _TAKES_FRAMES,
    "notifications.stream": _TAKES_FRAMES,
    "auth.login": _OF_SOMEBODY_ELSE,
    "auth.send_otp": _OF_SOMEBODY_ELSE,
    "auth.verify_otp": _OF_SOMEBODY_ELSE,
    "auth.complete_register": _OF_SOMEBODY_ELSE,
    "auth.create_guest_owner": _OF_SOMEBODY_ELSE,
    "use_token": _OF_SOMEBODY_ELSE,
    "call": Refusal(
        "nobody knows what a call of your own making would do to the agent's other handlers",
        "Use the method that makes it, for example `ctx.sdk.chats.get(chat_id)`.",
    ),
    "wait_turn": Refusal(
        "the runtime itself keeps the pace that the server asks for",
        "Leave it out: each call waits its turn.",
    ),
    "pace": Refusal(
        "the runtime itself keeps the pace that the server asks for",
        "Leave it out: each call waits its turn.",
    ),
}


_UNKNOWN: Final = Refusal(
    "nobody has looked at what it would do to the agent's other handlers", "Use another call."
)


def require_allowed(call: str) -> None:
    """
    Go on with a call that breaks no promise.

    Args:
        call: Its name, as of `ctx.sdk`: `chats.get`.

    Raises:
        GuardedCallError: It would break one.
    """
    if call in PASSING or call in OURS:
        return
    refusal = REFUSED.get(call, _UNKNOWN)
    raise GuardedCallError(f"ctx.sdk.{call}: {refusal.problem}", fix=refusal.fix)
