"""
What an event is about, as the server shows it now: a relationship, a request to join, a workflow event.

A frame only says that there is something to look at, and may have been overtaken. So a handler is shown the present
state, and each of them once: what a frame told and a look at the lists finds later is the same version.
"""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Any

from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.wire.versions import (
    GONE,
    state_of,
    version_of_join_request,
    version_of_relationship,
    version_of_workflow_event,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mycel_runtime.plugin.subscription import EventKind
    from mycel_runtime.sdk import AsyncClient


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """
    A thing at one moment.

    Attributes:
        key: Which one of its kind.
        version: Of it; `none` when there is none any more.
        row: As the API shows it; `None`: there is none any more.
    """

    key: str
    version: str
    row: Mapping[str, Any] | None = field(repr=False)

    @property
    def state(self) -> str:
        """The state that the version is of."""
        return state_of(self.version)

    def is_later_than(self, shown: Subject) -> bool:
        """Whether it is another one under the same id: asked for again since then."""
        if self.row is None:
            return False
        return shown.row is None or self.row.get("created_at") != shown.row.get("created_at")


@dataclass(frozen=True, slots=True)
class SubjectReader:
    """
    Reads them.

    Attributes:
        sdk: As the identity.
    """

    sdk: AsyncClient

    async def read(self, kind: EventKind, metadata: Mapping[str, Any]) -> Subject | None:
        """
        What this event is about; `None`: nothing that has a state.

        Raises:
            ApiError: It cannot be read.

        Cancelling: loses nothing.
        """
        match kind:
            case "relationship":
                return await self._relationship(_text(metadata, "relationship_id"))
            case "join_request":
                return await self._join_request(
                    _text(metadata, "chat_id"), _text(metadata, "chat_join_request_id")
                )
            case "workflow_event":
                return await self._workflow_event(_text(metadata, "chat_id"), _text(metadata, "event_id"))
            case "frame" | "chat":
                return None

    async def _relationship(self, relationship_id: str) -> Subject | None:
        if not relationship_id:
            return None
        rows = await self.sdk.relationships.list()
        row = next((each for each in rows if each["id"] == relationship_id), None)
        version = GONE if row is None else version_of_relationship(row)
        return Subject(key=relationship_id, version=version, row=row)

    async def _join_request(self, chat_id: str, request_id: str) -> Subject | None:
        if not (chat_id and request_id):
            return None
        rows = await self.sdk.chats.list_join_requests(chat_id)
        row = next((each for each in rows if each["id"] == request_id), None)
        version = GONE if row is None else version_of_join_request(row)
        return Subject(key=request_id, version=version, row=row)

    async def _workflow_event(self, chat_id: str, event_id: str) -> Subject | None:
        if not (chat_id and event_id):
            return None
        rows = await self.sdk.chats.list_workflow_events(chat_id)
        row = next((each for each in rows if each["event_id"] == event_id), None)
        version = GONE if row is None else version_of_workflow_event(row)
        return Subject(key=f"{chat_id}/{event_id}", version=version, row=row)


def _text(metadata: Mapping[str, Any], key: str) -> str:
    """A server may send anything."""
    value = metadata.get(key)
    return value if isinstance(value, str) else ""
