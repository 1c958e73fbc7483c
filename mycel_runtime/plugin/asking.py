"""A question, as it is asked: who hears of its answer, and whose answer it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mycel_runtime.errors import ArgumentError
from mycel_runtime.journal.questions import NewQuestion
from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.plugin.answer_wish import WHOM, require_answer_wish

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mycel_runtime.journal.ids import HandlerId
    from mycel_runtime.plugin.port import AnswerWish
    from mycel_runtime.plugin.roster import Roster
    from mycel_runtime.wire.ids import ChatId, UserId


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """
    What it takes to ask.

    Attributes:
        handlers: Of answers, by plugin and name.
        roster: Who is in a chat.
        me: The identity.
        asks: Called with its chat before a question is written down.
    """

    handlers: Mapping[tuple[str, str], HandlerId]
    roster: Roster
    me: UserId
    asks: Callable[[ChatId], None]

    async def question(self, plugin: str, chat_id: ChatId, wish: AnswerWish) -> NewQuestion:
        """
        What is to be written down.

        Raises:
            ArgumentError: The plugin handles no such answers, or nobody can tell whose is meant.
            ApiError: The backend cannot tell who is in the chat.

        Cancelling: loses nothing.
        """
        names = [name for its, name in self.handlers if its == plugin]
        checked = require_answer_wish(wish, names)
        return NewQuestion(
            plugin=plugin,
            name=checked["name"],
            handler=self.handlers[plugin, checked["name"]],
            user_id=checked["user_id"] or await self._only_other(chat_id),
            data=checked["data"],
            seconds=checked["seconds"],
        )

    async def _only_other(self, chat_id: ChatId) -> str | None:
        """In a direct chat; `None`: anybody but the agent, whoever that is there."""
        room = await self.roster.room(chat_id, ())
        if room.chat_type != "direct":
            raise ArgumentError("in a group a question needs to know who is asked", fix=WHOM)
        others = [user_id for user_id in room.types if user_id != self.me]
        return others[0] if len(others) == 1 else None
