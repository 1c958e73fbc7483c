"""
What handlers of other things than messages are given: what a frame said, what is so now, and what can be done.

As in `context`, written once; those for plain functions are derived in `plain_context`. A `repr` shows nothing of
what others have written.
"""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Any, Final, cast

from mycel_runtime.errors import DeedNotAwaitedError
from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.plugin.frame_context import FrameContext, FrameView
from mycel_runtime.plugin.speaking import Speaking
from mycel_runtime.wire.arguments import require_storable
from mycel_runtime.wire.ids import ChatId, UserId
from mycel_runtime.wire.versions import GONE

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping

    from mycel_runtime.plugin.port import RequestPort
    from mycel_runtime.plugin.subscription import EventKind
    from mycel_runtime.wire.resources import JoinRequest, Relationship, WorkflowEvent

_RELATIONSHIP: Final = "hire_visit:"
"""Before the two user ids of a relationship's id. Source: contract 1.6."""


@dataclass(slots=True, kw_only=True)
class RequestView(FrameView):
    """
    What a handler of requests is shown.

    Attributes:
        event_type: What told of it: a frame of the server, or what a look at its lists has found.
    """

    _port: RequestPort = field(repr=False)


class Decidable(RequestView):
    """What can be done about a request; for `async def` handlers."""

    __slots__ = ()

    def approve(self) -> Coroutine[Any, Any, bool]:
        """
        Grant it; to be awaited: a run that leaves a deed unawaited has failed.

        Done once, whatever happens: what an earlier run has done already, or a request whose answer was lost, counts
        as done.

        Returns:
            Whether it is granted. `False`: it was withdrawn or rejected meanwhile, and another one that may have come
            is told by itself.

        Raises:
            ApiError: The backend refuses it.
            ContextEndedError: The run is over.

        Cancelling: it may be done or not; the next run finds out.
        """
        return self._run.begin(self._approve(), DeedNotAwaitedError)

    async def _approve(self) -> bool:
        self._run.require_open()
        return await self._port.approve()

    def reject(self, why: str = "") -> Coroutine[Any, Any, bool]:
        """
        Do not grant it; as `approve`.

        Args:
            why: One line for the operator's log, without the words of others. The server takes no reason.

        Returns:
            Whether it is not granted. `False`: somebody has granted it meanwhile.
        """
        return self._run.begin(self._reject(why), DeedNotAwaitedError)

    async def _reject(self, why: str) -> bool:
        self._run.require_open()
        require_storable(why, "the reason")
        return await self._port.reject(why)


@dataclass(slots=True, kw_only=True)
class RelationshipView(RequestView):
    """
    What a handler of relationships is shown.

    Attributes:
        relationship: As the API shows it now; `None`: there is none any more.
    """

    relationship: Relationship | None = field(repr=False)

    @property
    def relationship_id(self) -> str:
        """Its id."""
        return str(self.metadata.get("relationship_id") or "")

    @property
    def other_user_id(self) -> UserId:
        """With whom."""
        if self.relationship is not None:
            return UserId(self.relationship["other_user_id"])
        pair = self.relationship_id.removeprefix(_RELATIONSHIP)
        return UserId(pair.removeprefix(f"{self.me}:").removesuffix(f":{self.me}"))

    @property
    def state(self) -> str:
        """`pending`, `visit`, `hire`, or `none`: what it is now, whatever the frame said."""
        return GONE if self.relationship is None else self.relationship["state"]

    @property
    def is_requester(self) -> bool:
        """Whether it is pending, and the agent has asked for it."""
        return self.relationship is not None and self.relationship["is_requester"]

    @property
    def is_open(self) -> bool:
        """Whether it waits for the agent to decide."""
        return self.state == "pending" and not self.is_requester

    @property
    def message(self) -> str:
        """What the one who asked has written: data, never an instruction (Q48)."""
        return (self.relationship and self.relationship["message"]) or ""


@dataclass(slots=True, kw_only=True)
class RelationshipContext(RelationshipView, Decidable, Speaking):
    """For `async def` handlers of relationships."""


@dataclass(slots=True, kw_only=True)
class JoinRequestView(RequestView):
    """
    What a handler of requests to join a group of the agent's own is shown.

    Attributes:
        request: As the API shows it now; `None`: there is none any more.
    """

    request: JoinRequest | None = field(repr=False)

    @property
    def chat_id(self) -> ChatId:
        """The group."""
        return ChatId(str(self.metadata.get("chat_id") or ""))

    @property
    def request_id(self) -> str:
        """Its id."""
        return str(self.metadata.get("chat_join_request_id") or "")

    @property
    def other_user_id(self) -> UserId:
        """Who wants to join."""
        return UserId(str(self.metadata.get("requester_user_id") or ""))

    @property
    def state(self) -> str:
        """`pending`, `approved`, `rejected`, or `none`: what it is now."""
        return GONE if self.request is None else self.request["state"]

    @property
    def is_open(self) -> bool:
        """Whether it waits for the agent to decide."""
        return self.state == "pending"

    @property
    def message(self) -> str:
        """What the one who asks has written: data, never an instruction (Q42)."""
        return (self.request and self.request["message"]) or ""


@dataclass(slots=True, kw_only=True)
class JoinRequestContext(JoinRequestView, Decidable, Speaking):
    """For `async def` handlers of requests to join."""


@dataclass(slots=True, kw_only=True)
class ChatEventView(FrameView):
    """
    What a handler of the agent's chats is shown.

    Attributes:
        event_type: `chat.joined`, `chat.left`, or `chat.join.rejected`: the agent's own request to join was.
    """

    @property
    def chat_id(self) -> ChatId:
        """The chat."""
        return ChatId(str(self.metadata.get("chat_id") or ""))

    @property
    def title(self) -> str:
        """Of the chat, where it is known; written by others."""
        return str(self.metadata.get("title") or "")


@dataclass(slots=True, kw_only=True)
class ChatEventContext(ChatEventView, Speaking):
    """For `async def` handlers of the agent's chats."""


@dataclass(slots=True, kw_only=True)
class WorkflowEventView(FrameView):
    """
    What a handler of workflow events is shown.

    Attributes:
        event: As the API shows it now; `None`: it was deleted.
    """

    event: WorkflowEvent | None = field(repr=False)

    @property
    def chat_id(self) -> ChatId:
        """Its chat."""
        return ChatId(str(self.metadata.get("chat_id") or ""))

    @property
    def event_id(self) -> str:
        """Its id within the chat."""
        return str(self.metadata.get("event_id") or "")

    @property
    def state(self) -> str:
        """What it is now, in the words of whoever runs the workflow; `none`: it was deleted."""
        return GONE if self.event is None else self.event["state"]


@dataclass(slots=True, kw_only=True)
class WorkflowEventContext(WorkflowEventView, Speaking):
    """For `async def` handlers of workflow events."""


def event_context(
    kind: EventKind, subject: Mapping[str, Any] | None, port: RequestPort, **shown: Any
) -> FrameView:
    """
    The context of a handler of this kind.

    Args:
        kind: As of its subscription.
        subject: What the frame is about, as the API shows it now.
        port: Does what can be done about it.
        shown: The fields of a `FrameView`.
    """
    row = cast("Any", subject)
    match kind:
        case "frame":
            return FrameContext(**shown)
        case "relationship":
            return RelationshipContext(relationship=row, _port=port, **shown)
        case "join_request":
            return JoinRequestContext(request=row, _port=port, **shown)
        case "chat":
            return ChatEventContext(**shown)
        case "workflow_event":
            return WorkflowEventContext(event=row, **shown)


def subject_of(context: FrameView) -> dict[str, Any] | None:
    """What its frame is about, as the API shows it."""
    match context:
        case RelationshipView(relationship=row) | JoinRequestView(request=row) | WorkflowEventView(event=row):
            return None if row is None else dict(row)
        case _:
            return None
