"""
Each endpoint as a value. Pure.

A function per method of the reference SDK, with its name, arguments and defaults (contract 3.2) and exactly its body
on the wire; `resources` gives them their places in `Client` and `AsyncClient`. Chat and message ids are plain text.
"""

from __future__ import annotations

from mycel_runtime.sdk.calls.agents import create_agent, create_thread, list_agents
from mycel_runtime.sdk.calls.auth import (
    complete_register,
    create_external_user,
    create_guest_owner,
    login,
    send_otp,
    verify_otp,
    whoami,
)
from mycel_runtime.sdk.calls.call import Call
from mycel_runtime.sdk.calls.chats import (
    add_member,
    approve_join,
    create_chat,
    ensure_direct,
    get_chat,
    join_target,
    list_chats,
    list_join_requests,
    mute_member,
    reject_join,
    request_join,
    unmute_member,
)
from mycel_runtime.sdk.calls.messages import (
    list_messages,
    mark_read,
    read_messages,
    send_message,
    unread_messages,
)
from mycel_runtime.sdk.calls.relationships import (
    approve_relationship,
    downgrade_relationship,
    list_relationships,
    reject_relationship,
    request_relationship,
    revoke_relationship,
    upgrade_relationship,
)
from mycel_runtime.sdk.calls.runtime_inbox import drain_notifications, openapi
from mycel_runtime.sdk.calls.tasks import create_task, delete_task, get_task, list_tasks, update_task
from mycel_runtime.sdk.calls.workflows import (
    create_workflow_event,
    delete_workflow,
    delete_workflow_event,
    get_workflow,
    get_workflow_event,
    list_workflow_events,
    set_workflow,
    update_workflow_event,
)

__all__ = [
    "Call",
    "add_member",
    "approve_join",
    "approve_relationship",
    "complete_register",
    "create_agent",
    "create_chat",
    "create_external_user",
    "create_guest_owner",
    "create_task",
    "create_thread",
    "create_workflow_event",
    "delete_task",
    "delete_workflow",
    "delete_workflow_event",
    "downgrade_relationship",
    "drain_notifications",
    "ensure_direct",
    "get_chat",
    "get_task",
    "get_workflow",
    "get_workflow_event",
    "join_target",
    "list_agents",
    "list_chats",
    "list_join_requests",
    "list_messages",
    "list_relationships",
    "list_tasks",
    "list_workflow_events",
    "login",
    "mark_read",
    "mute_member",
    "openapi",
    "read_messages",
    "reject_join",
    "reject_relationship",
    "request_join",
    "request_relationship",
    "revoke_relationship",
    "send_message",
    "send_otp",
    "set_workflow",
    "unmute_member",
    "unread_messages",
    "update_task",
    "update_workflow_event",
    "upgrade_relationship",
    "verify_otp",
    "whoami",
]
