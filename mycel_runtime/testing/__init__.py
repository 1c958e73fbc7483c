"""
For tests of plugins: a Mycel of the test's own, with people who talk to the agent under test.

With `pip install "mycel-runtime[testing]"` pytest finds the fixtures `mycel` and `sync_mycel`; nothing here needs
pytest otherwise. May import everything else; nothing imports it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mycel_runtime.testing.agent import Agent
    from mycel_runtime.testing.bare_chat import BareAnswer, BareChat
    from mycel_runtime.testing.bare_event import BareChatEvent, BareFrame, BareWorkflowEvent, frame_context
    from mycel_runtime.testing.bare_hook import BareStart, BareStop
    from mycel_runtime.testing.bare_message import said
    from mycel_runtime.testing.bare_request import BareJoinRequest, BareRelationship
    from mycel_runtime.testing.bare_runtime import BareQuestion
    from mycel_runtime.testing.bare_timer import BareTimer
    from mycel_runtime.testing.chat import Chat
    from mycel_runtime.testing.clock import JumpingClock
    from mycel_runtime.testing.mycel import Mycel
    from mycel_runtime.testing.person import Person
    from mycel_runtime.testing.sync_mycel import SyncAgent, SyncMycel, SyncPerson

__all__ = [
    "Agent",
    "BareAnswer",
    "BareChat",
    "BareChatEvent",
    "BareFrame",
    "BareJoinRequest",
    "BareQuestion",
    "BareRelationship",
    "BareStart",
    "BareStop",
    "BareTimer",
    "BareWorkflowEvent",
    "Chat",
    "JumpingClock",
    "Mycel",
    "Person",
    "SyncAgent",
    "SyncMycel",
    "SyncPerson",
    "frame_context",
    "said",
]

_HOME = {
    "Agent": "mycel_runtime.testing.agent",
    "BareAnswer": "mycel_runtime.testing.bare_chat",
    "BareChat": "mycel_runtime.testing.bare_chat",
    "BareChatEvent": "mycel_runtime.testing.bare_event",
    "BareFrame": "mycel_runtime.testing.bare_event",
    "BareJoinRequest": "mycel_runtime.testing.bare_request",
    "BareQuestion": "mycel_runtime.testing.bare_runtime",
    "BareRelationship": "mycel_runtime.testing.bare_request",
    "BareStart": "mycel_runtime.testing.bare_hook",
    "BareStop": "mycel_runtime.testing.bare_hook",
    "BareTimer": "mycel_runtime.testing.bare_timer",
    "BareWorkflowEvent": "mycel_runtime.testing.bare_event",
    "Chat": "mycel_runtime.testing.chat",
    "JumpingClock": "mycel_runtime.testing.clock",
    "Mycel": "mycel_runtime.testing.mycel",
    "Person": "mycel_runtime.testing.person",
    "SyncAgent": "mycel_runtime.testing.sync_mycel",
    "SyncMycel": "mycel_runtime.testing.sync_mycel",
    "SyncPerson": "mycel_runtime.testing.sync_mycel",
    "frame_context": "mycel_runtime.testing.bare_event",
    "said": "mycel_runtime.testing.bare_message",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)
