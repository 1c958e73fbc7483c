"""
What somebody outside of the agent's handlers sees and does as the agent, by `mycel-runtime mcp`.

Reading has a cursor of its own in each chat, as a plugin's `ctx.read` has, and moves nothing on the server; so no
message is kept from any handler. What was handed out counts as shown once the caller says so. Every verb takes and
returns plain JSON values.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, TypedDict

from mycel_runtime.dispatch.tool_message import is_news, tool_message, tool_message_of
from mycel_runtime.dispatch.tool_results import ListedMember
from mycel_runtime.errors import ArgumentError
from mycel_runtime.journal.changes import Changes, EndOutcome, ReadMove
from mycel_runtime.journal.hole import Hole
from mycel_runtime.journal.tool_handlers import TOOL_READ, TOOL_SAY, TOOLS
from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.plugin.deeds import Deeds
from mycel_runtime.plugin.subject import SubjectReader
from mycel_runtime.speech.history import messages_between
from mycel_runtime.wire.arguments import require_page, require_place, require_sayable
from mycel_runtime.wire.ids import ChatId, MessageSeq

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mycel_runtime.dispatch.plugin_reader import PluginReader
    from mycel_runtime.dispatch.tool_results import (
        ChatsResult,
        HistoryResult,
        ListedLast,
        MembersResult,
        RelationshipsResult,
        ShownMessage,
    )
    from mycel_runtime.dispatch.tool_runs import RunReport, ToolRuns
    from mycel_runtime.dispatch.tool_speech import SpokenReport, ToolSpeech
    from mycel_runtime.observe.observer import Observer
    from mycel_runtime.plugin.voice import AgentChats

_MEMBERS_SHOWN: Final = 20
"""Of each chat in the list; `members` tells all."""


class ToolPage(TypedDict):
    """
    What was read.

    Attributes:
        messages: Oldest first.
        through_seq: All up to here is known to whoever gets this page.
        has_more: There is more to read now.
        move: For `count`; `None`: nothing has moved.
    """

    messages: list[ShownMessage]
    through_seq: int
    has_more: bool
    move: dict[str, Any] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """
    The verbs.

    Attributes:
        reader: Reads chats.
        speech: Speaks.
        runs: Of handlers, by which agents that they let work speak.
        agent_chats: Finds the direct chat with somebody.
        observer: Told of what is decided.
    """

    reader: PluginReader
    speech: ToolSpeech
    runs: ToolRuns
    agent_chats: AgentChats
    observer: Observer

    async def chats(self) -> ChatsResult:
        """
        The agent's chats, as the server lists them.

        Raises:
            ApiError: The backend cannot tell.
        """
        me = self.reader.me
        rows = await self.reader.sdk.chats.list()
        return {
            "agent_id": me,
            "chats": [
                {
                    "chat_id": row["id"],
                    "title": row["title"],
                    "members": [
                        ListedMember(user_id=member["id"], name=member["name"], type=member["type"])
                        for member in row["members"]
                        if member["id"] != me
                    ][:_MEMBERS_SHOWN],
                    "member_count": len(row["members"]),
                    "last_message": _last_message(row.get("last_message")),
                }
                for row in rows
            ],
        }

    async def members(self, chat_id: str) -> MembersResult:
        """
        Who is in a chat.

        Raises:
            ArgumentError: It is no chat id.
            ApiError: The agent is not in that chat, or the backend cannot tell.
        """
        require_sayable(chat_id, "the chat id")
        chat = await self.reader.sdk.chats.get(chat_id)
        me = self.reader.me
        return {
            "chat_id": chat_id,
            "type": chat["type"],
            "title": chat["title"],
            "members": [
                {
                    "user_id": member["id"],
                    "name": member["name"],
                    "type": member["type"],
                    "is_you": member["id"] == me,
                }
                for member in chat["members"]
            ],
        }

    async def read(self, chat_id: str, limit: int, known_seq: int | None) -> ToolPage:
        """
        What no tool has been shown in a chat, own messages included; it counts as shown with `count`.

        Args:
            chat_id: Where.
            limit: Messages at most.
            known_seq: All up to here is known to this caller, who is shown what others have read since, too; `None`:
                he begins where they are.

        Raises:
            ArgumentError: It is no chat id, or a number is out of range.
            ApiError: The chat cannot be read.
            JournalError: The journal failed.

        Cancelling: loses nothing.
        """
        require_sayable(chat_id, "the chat id")
        require_page(limit, "the limit")
        missed = await self._missed(ChatId(chat_id), known_seq)
        if len(missed) >= limit:
            missed = missed[:limit]
            return ToolPage(messages=missed, through_seq=missed[-1]["seq"], has_more=True, move=None)
        reading = self.reader.reading(TOOL_READ, with_own=True)
        page = await reading.read(ChatId(chat_id), limit - len(missed))
        if page:
            reading.count(chat_id, max(message.seq for message in page))
        place = reading.place(ChatId(chat_id))
        return ToolPage(
            messages=[*missed, *(tool_message(message, me=self.reader.me) for message in page)],
            through_seq=place.pages[-1].read_seq,
            has_more=bool(place.ahead),
            move=_told_move(reading.moves),
        )

    async def _missed(self, chat_id: ChatId, known_seq: int | None) -> list[ShownMessage]:
        """What other callers have been shown since this one has read."""
        reader = self.reader
        cursor = await reader.journal.read_cursor(reader.me, TOOLS, chat_id=chat_id)
        if known_seq is None or cursor is None or cursor.read_seq <= known_seq:
            return []
        between = await messages_between(reader.sdk, chat_id, known_seq, cursor.read_seq)
        missed = [each for each in between if is_news(each, reader.me)]
        room = await reader.roster.room(chat_id, {message["sender_id"] for message in missed})
        return [tool_message_of(message, room, me=reader.me) for message in missed]

    async def count(self, move: Mapping[str, Any]) -> bool:
        """
        What a page has held counts as shown. False: somebody else has read on from there meanwhile.

        Raises:
            JournalError: The journal failed.

        Cancelling: as of the journal.
        """
        end = await self.reader.journal.plan(self.reader.me, TOOLS, Changes(reads=(_move_of(move),)))
        return end.outcome is EndOutcome.DONE

    async def history(self, chat_id: str, limit: int, before: int | None) -> HistoryResult:
        """
        The newest messages of a chat, or those before a number, own ones included; it counts as nothing.

        Raises:
            ArgumentError: It is no chat id, or a number is out of range.
            ApiError: The chat cannot be read.
        """
        require_sayable(chat_id, "the chat id")
        require_page(limit, "the limit")
        if before is not None:
            require_place(before, "before")
        below = None if before is None else str(before)
        page = await self.reader.sdk.messages.list(chat_id, limit=limit, before=below)
        room = await self.reader.roster.room(ChatId(chat_id), {message["sender_id"] for message in page})
        return {"messages": [tool_message_of(message, room, me=self.reader.me) for message in page]}

    async def direct(self, user_id: str) -> str:
        """
        The id of the direct chat with somebody; made if there is none.

        Raises:
            ArgumentError: It is no user id.
            ApiError: There is no such user, or the backend cannot tell.
        """
        return await self.agent_chats.direct(user_id)

    async def speak(
        self,
        key: str,
        chat_id: str,
        text: str,
        mentions: Sequence[str],
        known_seq: int | None,
        seconds: float,
    ) -> SpokenReport:
        """As `ToolSpeech.speak`."""
        return await self.speech.speak(key, chat_id, text, mentions, known_seq=known_seq, seconds=seconds)

    async def outcome(
        self, key: str, chat_id: str, known_seq: int | None, seconds: float
    ) -> SpokenReport | None:
        """As `ToolSpeech.outcome`."""
        return await self.speech.outcome(key, chat_id, known_seq=known_seq, seconds=seconds)

    async def run_reply(
        self, run: str, key: str, text: str, mentions: Sequence[str], known_seq: int = 0
    ) -> RunReport:
        """As `ToolRun.reply`, by the run's name."""
        return await self.runs.find(run).reply(key, text, mentions, known_seq)

    async def run_read(self, run: str, key: str) -> list[ShownMessage]:
        """As `ToolRun.read`, by the run's name."""
        return await self.runs.find(run).read(key)

    async def run_key(self, run: str, key: str, chat_id: str) -> str:
        """As `ToolRun.speech_key`, by the run's name."""
        return self.runs.find(run).speech_key(key, chat_id)

    async def relationships(self) -> RelationshipsResult:
        """
        The agent's relationships, and who asks for one.

        Raises:
            ApiError: The backend cannot tell.
        """
        rows = await self.reader.sdk.relationships.list()
        return {
            "relationships": [
                {
                    "relationship_id": row["id"],
                    "user_id": row["other_user_id"],
                    "state": row["state"],
                    "waits_for_you": row["state"] == "pending" and not row["is_requester"],
                    "message": row.get("message") or "",
                    "updated_at": row.get("updated_at"),
                }
                for row in rows
            ]
        }

    async def decide(self, relationship_id: str, decision: Literal["approve", "reject"]) -> bool:
        """
        Grant or refuse a relationship that somebody asks for. False: it is not so; it was withdrawn, or decided.

        Raises:
            ArgumentError: There is no such relationship.
            ApiError, UnansweredError: The backend refuses, or cannot tell.

        Cancelling: it is decided or not.
        """
        require_sayable(relationship_id, "the relationship id")
        reader, metadata = SubjectReader(self.reader.sdk), {"relationship_id": relationship_id}
        shown = await reader.read("relationship", metadata)
        if shown is None or shown.row is None:
            raise ArgumentError(
                "there is no such relationship", fix="`relationships` lists those that there are."
            )
        deeds = Deeds(
            kind="relationship",
            metadata=metadata,
            shown=shown,
            reader=reader,
            handler=TOOL_SAY,
            observer=self.observer,
        )
        return await (deeds.approve() if decision == "approve" else deeds.reject("decided by a tool"))


TOOL_VERBS: Final = frozenset(
    {
        "chats",
        "members",
        "read",
        "count",
        "history",
        "direct",
        "speak",
        "outcome",
        "run_reply",
        "run_read",
        "run_key",
        "relationships",
        "decide",
    }
)
"""The methods of `Tools` that may be called from outside."""


def _last_message(last: Mapping[str, Any] | None) -> ListedLast | None:
    if last is None:
        return None
    return {"sender": last["sender_name"], "text": last["content"], "seq": last.get("seq")}


def _told_move(moves: Sequence[ReadMove]) -> dict[str, Any] | None:
    for move in moves:
        return {
            "chat_id": move.chat_id,
            "read_seq": move.read_seq,
            "holes": [[hole.seq, hole.noticed_at] for hole in move.holes],
            "made_from": move.made_from,
        }
    return None


def _move_of(told: Mapping[str, Any]) -> ReadMove:
    return ReadMove(
        chat_id=ChatId(told["chat_id"]),
        read_seq=MessageSeq(told["read_seq"]),
        holes=tuple(Hole(seq=MessageSeq(seq), noticed_at=at) for seq, at in told["holes"]),
        made_from=told["made_from"],
    )
