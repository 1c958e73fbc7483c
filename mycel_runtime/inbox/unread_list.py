"""What the server holds unread: by its chat list, or, where that fails, by each chat."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mycel_runtime.errors import ApiError, AuthenticationError, TransportError
from mycel_runtime.inbox.chat_rows import chat_id_of, message_seq, unread_chats
from mycel_runtime.inbox.guarded_queries import ODD_ANSWER
from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.observe.facts import ChatListPoisoned

if TYPE_CHECKING:
    from mycel_runtime.inbox.chat_rows import Unread
    from mycel_runtime.inbox.intake import Intake
    from mycel_runtime.observe.observer import Observer
    from mycel_runtime.sdk import AsyncClient
    from mycel_runtime.wire.ids import ChatId
    from mycel_runtime.wire.resources import ChatSummary

_SERVER_ERROR: Final = 500


@dataclass(frozen=True, slots=True)
class UnreadChats:
    """What is unread; `rows` is the chat list, `None` if each known chat was asked by itself."""

    rows: list[ChatSummary] | None
    unread: list[Unread]


class UnreadList:
    """
    Of one identity.

    Args:
        sdk: As the identity.
        intake: Knows chats, before the server has listed any.
        observer: Told of a list that is poisoned.
    """

    def __init__(self, *, sdk: AsyncClient, intake: Intake, observer: Observer) -> None:
        self._sdk = sdk
        self._intake = intake
        self._observer = observer
        self._known: set[ChatId] = set()

    async def read(self) -> UnreadChats:
        """
        From one list, or, if that is poisoned (Q20) or cannot be read, each known chat by itself.

        Raises:
            ApiError, ODD_ANSWER: There is no answer that can be read.

        Cancelling: loses nothing.
        """
        try:
            rows = await self._sdk.chats.list()
            chats, ids = UnreadChats(rows, unread_chats(rows)), {chat_id_of(chat) for chat in rows}
        except (ApiError, *ODD_ANSWER) as exc:
            if isinstance(exc, ApiError) and exc.status_code != _SERVER_ERROR:
                raise
            return UnreadChats(None, await self._one_by_one(exc))
        self._known |= ids
        return chats

    async def _one_by_one(self, error: Exception) -> list[Unread]:
        """One broken chat blinds the whole list: the others are still there. If none is, `error` stands."""
        known = self._known or await self._intake.known_chats()
        unread: list[Unread] = []
        answers = 0
        for chat_id in sorted(known):
            try:
                unread += await self._in(chat_id)
            except (TransportError, AuthenticationError):
                raise
            except (ApiError, *ODD_ANSWER):
                continue
            answers += 1
        if not answers:
            raise error
        self._observer.tell(ChatListPoisoned(known_chats=len(known)))
        return unread

    async def _in(self, chat_id: ChatId) -> list[Unread]:
        messages = await self._sdk.messages.unread(chat_id)
        return [(chat_id, message_seq(messages[-1]["seq"]))] if messages else []
