"""
mycel-runtime keeps an external agent present on Mycel.

Plugin authors import from here. The names are loaded on first use, so that importing any part of the package
(the command line above all) costs nothing that it does not need.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mycel_runtime.errors import CredentialError, PluginError
    from mycel_runtime.known_secrets import remember_secret
    from mycel_runtime.plugin.answer_context import AnswerContext, Question
    from mycel_runtime.plugin.chats import Chats
    from mycel_runtime.plugin.config_path import ConfigPath
    from mycel_runtime.plugin.credentials import read_credential
    from mycel_runtime.plugin.event_context import (
        ChatEventContext,
        JoinRequestContext,
        RelationshipContext,
        WorkflowEventContext,
    )
    from mycel_runtime.plugin.frame_context import FrameContext
    from mycel_runtime.plugin.hook_context import StartContext, StopContext
    from mycel_runtime.plugin.message import Message, Sender
    from mycel_runtime.plugin.message_context import MessageContext
    from mycel_runtime.plugin.outcome import Reject, Retry, Unavailable
    from mycel_runtime.plugin.pattern import ContentPattern
    from mycel_runtime.plugin.plain_context import (
        SyncAnswerContext,
        SyncChatEventContext,
        SyncChats,
        SyncFrameContext,
        SyncJoinRequestContext,
        SyncMessageContext,
        SyncRelationshipContext,
        SyncStartContext,
        SyncStopContext,
        SyncTimerContext,
        SyncWorkflowEventContext,
    )
    from mycel_runtime.plugin.plugin import Plugin
    from mycel_runtime.plugin.prompt import PromptMessage, messages_for_llm
    from mycel_runtime.plugin.store import Store
    from mycel_runtime.plugin.text_pieces import split_text
    from mycel_runtime.plugin.timer_context import TimerContext
    from mycel_runtime.plugin.timers import Timers
    from mycel_runtime.plugin.tool_server import ToolServer
    from mycel_runtime.speech.sent import Sent

__all__ = [
    "AnswerContext",
    "ChatEventContext",
    "Chats",
    "ConfigPath",
    "ContentPattern",
    "CredentialError",
    "FrameContext",
    "JoinRequestContext",
    "Message",
    "MessageContext",
    "Plugin",
    "PluginError",
    "PromptMessage",
    "Question",
    "Reject",
    "RelationshipContext",
    "Retry",
    "Sender",
    "Sent",
    "StartContext",
    "StopContext",
    "Store",
    "SyncAnswerContext",
    "SyncChatEventContext",
    "SyncChats",
    "SyncFrameContext",
    "SyncJoinRequestContext",
    "SyncMessageContext",
    "SyncRelationshipContext",
    "SyncStartContext",
    "SyncStopContext",
    "SyncTimerContext",
    "SyncWorkflowEventContext",
    "TimerContext",
    "Timers",
    "ToolServer",
    "Unavailable",
    "WorkflowEventContext",
    "messages_for_llm",
    "read_credential",
    "remember_secret",
    "split_text",
]

_HOME = {
    "AnswerContext": "mycel_runtime.plugin.answer_context",
    "ChatEventContext": "mycel_runtime.plugin.event_context",
    "Chats": "mycel_runtime.plugin.chats",
    "ContentPattern": "mycel_runtime.plugin.pattern",
    "CredentialError": "mycel_runtime.errors",
    "ConfigPath": "mycel_runtime.plugin.config_path",
    "FrameContext": "mycel_runtime.plugin.frame_context",
    "JoinRequestContext": "mycel_runtime.plugin.event_context",
    "Message": "mycel_runtime.plugin.message",
    "MessageContext": "mycel_runtime.plugin.message_context",
    "Plugin": "mycel_runtime.plugin.plugin",
    "PluginError": "mycel_runtime.errors",
    "PromptMessage": "mycel_runtime.plugin.prompt",
    "Question": "mycel_runtime.plugin.answer_context",
    "Reject": "mycel_runtime.plugin.outcome",
    "RelationshipContext": "mycel_runtime.plugin.event_context",
    "Retry": "mycel_runtime.plugin.outcome",
    "Sender": "mycel_runtime.plugin.message",
    "Sent": "mycel_runtime.speech.sent",
    "StartContext": "mycel_runtime.plugin.hook_context",
    "StopContext": "mycel_runtime.plugin.hook_context",
    "Store": "mycel_runtime.plugin.store",
    "SyncAnswerContext": "mycel_runtime.plugin.plain_context",
    "SyncChatEventContext": "mycel_runtime.plugin.plain_context",
    "SyncChats": "mycel_runtime.plugin.plain_context",
    "SyncFrameContext": "mycel_runtime.plugin.plain_context",
    "SyncJoinRequestContext": "mycel_runtime.plugin.plain_context",
    "SyncMessageContext": "mycel_runtime.plugin.plain_context",
    "SyncRelationshipContext": "mycel_runtime.plugin.plain_context",
    "SyncStartContext": "mycel_runtime.plugin.plain_context",
    "SyncStopContext": "mycel_runtime.plugin.plain_context",
    "SyncTimerContext": "mycel_runtime.plugin.plain_context",
    "SyncWorkflowEventContext": "mycel_runtime.plugin.plain_context",
    "TimerContext": "mycel_runtime.plugin.timer_context",
    "Timers": "mycel_runtime.plugin.timers",
    "ToolServer": "mycel_runtime.plugin.tool_server",
    "Unavailable": "mycel_runtime.plugin.outcome",
    "WorkflowEventContext": "mycel_runtime.plugin.event_context",
    "messages_for_llm": "mycel_runtime.plugin.prompt",
    "read_credential": "mycel_runtime.plugin.credentials",
    "remember_secret": "mycel_runtime.known_secrets",
    "split_text": "mycel_runtime.plugin.text_pieces",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)
