"""
The server's lists against what they said before: whatever changed without a notification (Q36) becomes an event.

Relationships are asked each time, requests to join for groups of one's own only; workflow events, one call a chat,
only when a notification of them may have been lost: at the start, and when frames are missing. A list that cannot be
read hides no other one's news.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mycel_runtime.errors import ApiError, AuthenticationError, RateLimitedError
from mycel_runtime.inbox.asking import ODD_ANSWER
from mycel_runtime.inbox.news import (
    CHAT,
    JOIN_REQUEST,
    RELATIONSHIP,
    WORKFLOW_EVENT,
    chat_lines,
    join_request_lines,
    relationship_lines,
    workflow_event_lines,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mycel_runtime.inbox.asking import Asker
    from mycel_runtime.inbox.intake import Intake
    from mycel_runtime.inbox.news import Line
    from mycel_runtime.sdk import AsyncClient
    from mycel_runtime.wire.ids import UserId
    from mycel_runtime.wire.resources import ChatSummary

FRAMES_MISSING: Final = frozenset({"gap", "overflow", "epoch"})
"""Reasons of the session's for a look."""


class Lists:
    """
    Reads and compares them.

    Args:
        sdk: As the identity.
        me: The identity.
        intake: Where events go.
        asker: For the list that is asked as a whole, and about a refusal.
    """

    def __init__(self, *, sdk: AsyncClient, me: UserId, intake: Intake, asker: Asker) -> None:
        self._sdk = sdk
        self._me = me
        self._intake = intake
        self._asker = asker
        self._owned: dict[str, bool] = {}
        self._has_looked = False
        self._workflow_due: set[str] = set()

    async def compare(self, reason: str, chats: Sequence[ChatSummary] | None) -> int:
        """
        Commit what is different; how many events that made.

        Args:
            reason: Of the look.
            chats: The chat list, `None` if it could not be read.

        Raises:
            IdentityRefusedError: The token is refused.
        """
        lines, complete = await self._relationships(reason)
        if chats is None:
            return await self._intake.compare(lines, asked=complete, complete=complete)
        if reason in FRAMES_MISSING or not self._has_looked:
            self._workflow_due = {chat["id"] for chat in chats}
        self._has_looked = True
        asked = frozenset({CHAT, JOIN_REQUEST}) | ({WORKFLOW_EVENT} if self._workflow_due else set())
        lines += chat_lines(chats)
        lines += await self._lines_of_each(chats)
        return await self._intake.compare(lines, asked=complete | asked, complete=complete | {CHAT})

    async def _relationships(self, reason: str) -> tuple[list[Line], frozenset[str]]:
        """Their lines, and that they are all; an odd id among them can break the whole list (contract 1.6)."""

        async def read() -> list[Line]:
            return relationship_lines(await self._sdk.relationships.list())

        lines = await self._asker.ask(reason, read)
        return ([], frozenset()) if lines is None else (lines, frozenset({RELATIONSHIP}))

    async def _lines_of_each(self, chats: Sequence[ChatSummary]) -> list[Line]:
        """What the chats tell each by itself; what one cannot (Q20, Q52) is asked for again at the next look."""
        lines: list[Line] = []
        for chat in chats:
            try:
                lines += await self._lines_of(chat["id"])
            except AuthenticationError:
                await self._asker.require_identity()
            except RateLimitedError:
                break
            except (ApiError, *ODD_ANSWER):
                continue
        return lines

    async def _lines_of(self, chat_id: str) -> list[Line]:
        lines: list[Line] = []
        if await self._is_owned(chat_id):
            lines += join_request_lines(await self._sdk.chats.list_join_requests(chat_id))
        if chat_id in self._workflow_due:
            lines += workflow_event_lines(await self._sdk.chats.list_workflow_events(chat_id))
            self._workflow_due.discard(chat_id)
        return lines

    async def _is_owned(self, chat_id: str) -> bool:
        """Whether the chat is a group of our own; that never changes (contract 4.9), so it is asked once."""
        if chat_id not in self._owned:
            chat = await self._sdk.chats.get(chat_id)
            self._owned[chat_id] = chat["type"] == "group" and chat["created_by_user_id"] == self._me
        return self._owned[chat_id]
