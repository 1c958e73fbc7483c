"""
The server's lists against what they said before: whatever changed without a notification (Q36) becomes an event.

A list is asked for only if a handler wants what it would tell. What is known of the others stays as it was: a plugin
that is taken out and put back is told what has become of things meanwhile. The list of chats is there anyhow.

Of those that are wanted, relationships are asked each time, requests to join for groups of one's own only; workflow
events, one call a chat, only when a notification of them may have been lost: at the start, and when frames are
missing. A list that cannot be read hides no other one's news.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mycel_runtime.errors import ApiError, AuthenticationError, RateLimitedError
from mycel_runtime.inbox.guarded_queries import ODD_ANSWER
from mycel_runtime.inbox.list_diff import (
    CHAT,
    JOIN_REQUEST,
    RELATIONSHIP,
    WORKFLOW_EVENT,
    chat_records,
    join_request_records,
    relationship_records,
    workflow_event_records,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mycel_runtime.inbox.guarded_queries import GuardedQueries
    from mycel_runtime.inbox.intake import Intake
    from mycel_runtime.inbox.list_diff import ListOfChat, Record
    from mycel_runtime.sdk import AsyncClient
    from mycel_runtime.wire.ids import UserId
    from mycel_runtime.wire.resources import ChatSummary

_OF_CHATS: Final[tuple[str, ...]] = (JOIN_REQUEST, WORKFLOW_EVENT)
"""Kinds of which each chat has a list of its own."""

_ASKED_FOR: Final = frozenset({RELATIONSHIP, *_OF_CHATS})
"""Kinds whose lists cost calls of their own."""


class ListReader:
    """
    Reads and compares them.

    Args:
        sdk: As the identity.
        me: The identity.
        intake: Where events go; knows which kinds are wanted.
        queries: For the list that is asked as a whole, and about a refusal.
    """

    def __init__(self, *, sdk: AsyncClient, me: UserId, intake: Intake, queries: GuardedQueries) -> None:
        self._sdk = sdk
        self._me = me
        self._intake = intake
        self._queries = queries
        self._wanted = frozenset(filter(intake.wants, _ASKED_FOR))
        self._owned: dict[str, bool] = {}
        self._losses_before = -1
        self._workflow_due: set[str] = set()

    async def compare(self, reason: str, chats: Sequence[ChatSummary] | None) -> int:
        """
        Commit what is different; how many events that made.

        Args:
            reason: Of the look.
            chats: The chat list, `None` if it could not be read.

        Raises:
            IdentityRefusedError: The token is refused.

        Cancelling: what was not committed is read again at the next look.
        """
        records, complete = await self._relationships(reason)
        if chats is None:
            return await self._intake.compare(records, asked=complete, complete=complete)
        self._note_losses(chats)
        asked = complete | {CHAT} | self._wanted & {JOIN_REQUEST}
        if self._workflow_due:
            asked |= {WORKFLOW_EVENT}
        failed: set[ListOfChat] = set()
        records += chat_records(chats)
        records += await self._records_of_each(chats, failed)
        events = await self._intake.compare(records, asked=asked, complete=complete | {CHAT}, failed=failed)
        self._workflow_due = {
            chat_id for kind, chat_id in failed if kind == WORKFLOW_EVENT
        } & self._workflow_due
        return events

    def _note_losses(self, chats: Sequence[ChatSummary]) -> None:
        """Frames went missing, or none can be known to have come yet: each list of workflow events must be read."""
        if WORKFLOW_EVENT in self._wanted and (losses := self._intake.losses) > self._losses_before:
            self._workflow_due = {chat["id"] for chat in chats}
            self._losses_before = losses

    async def _relationships(self, reason: str) -> tuple[list[Record], frozenset[str]]:
        """Their records, and that they are all; an odd id among them can break the whole list (contract 1.6)."""
        if RELATIONSHIP not in self._wanted:
            return [], frozenset()

        async def read() -> list[Record]:
            return relationship_records(await self._sdk.relationships.list())

        records = await self._queries.ask(reason, read)
        return ([], frozenset()) if records is None else (records, frozenset({RELATIONSHIP}))

    async def _records_of_each(self, chats: Sequence[ChatSummary], failed: set[ListOfChat]) -> list[Record]:
        """What the chats tell each by itself; what one cannot (Q20, Q52) is asked for again at the next look."""
        records: list[Record] = []
        is_limited = False
        for chat in chats:
            if is_limited:
                failed.update((kind, chat["id"]) for kind in _OF_CHATS)
                continue
            try:
                await self._read_lists_of(chat["id"], records, failed)
            except AuthenticationError:
                await self._queries.require_identity()
            except RateLimitedError:
                is_limited = True
            except (ApiError, *ODD_ANSWER):
                continue
        return records

    async def _read_lists_of(self, chat_id: str, records: list[Record], failed: set[ListOfChat]) -> None:
        """Those of a chat that must be read now."""
        unread = _OF_CHATS
        try:
            if JOIN_REQUEST in self._wanted and await self._is_owned(chat_id):
                records += join_request_records(await self._sdk.chats.list_join_requests(chat_id))
            unread = (WORKFLOW_EVENT,)
            if chat_id in self._workflow_due:
                records += workflow_event_records(await self._sdk.chats.list_workflow_events(chat_id))
        except (ApiError, *ODD_ANSWER):
            failed.update((kind, chat_id) for kind in unread)
            raise

    async def _is_owned(self, chat_id: str) -> bool:
        """Whether the chat is a group of our own; that never changes (contract 4.9), so it is asked once."""
        if chat_id not in self._owned:
            chat = await self._sdk.chats.get(chat_id)
            self._owned[chat_id] = chat["type"] == "group" and chat["created_by_user_id"] == self._me
        return self._owned[chat_id]
