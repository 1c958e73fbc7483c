"""
mycel-runtime keeps an external agent present on Mycel.

Plugin authors import from here. The names are loaded on first use, so that importing any part of the package
(the command line above all) costs nothing that it does not need.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mycel_runtime.plugin.context import FrameContext, MessageContext
    from mycel_runtime.plugin.message import Message, Sender
    from mycel_runtime.plugin.outcome import Reject, Retry
    from mycel_runtime.plugin.plain_context import SyncFrameContext, SyncMessageContext
    from mycel_runtime.plugin.plugin import Plugin

__all__ = [
    "FrameContext",
    "Message",
    "MessageContext",
    "Plugin",
    "Reject",
    "Retry",
    "Sender",
    "SyncFrameContext",
    "SyncMessageContext",
]

_HOME = {
    "FrameContext": "mycel_runtime.plugin.context",
    "Message": "mycel_runtime.plugin.message",
    "MessageContext": "mycel_runtime.plugin.context",
    "Plugin": "mycel_runtime.plugin.plugin",
    "Reject": "mycel_runtime.plugin.outcome",
    "Retry": "mycel_runtime.plugin.outcome",
    "Sender": "mycel_runtime.plugin.message",
    "SyncFrameContext": "mycel_runtime.plugin.plain_context",
    "SyncMessageContext": "mycel_runtime.plugin.plain_context",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)
