"""
Who is in a chat.

A message does not tell what its sender is; the chat's members do. They are asked once per chat, and again
when somebody unknown speaks.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from mycel_runtime.errors import ApiError, TransportError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from mycel_runtime.sdk import AsyncClient
    from mycel_runtime.wire.ids import ChatId

_REMEMBERED_CHATS: Final = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """A chat's type (`direct`, `group`, or empty: unknown) and its members' types by id."""

    chat_type: str
    types: Mapping[str, str]

    def type_of(self, user_id: str) -> str:
        """`human`, `agent`, `external`, or empty for somebody who is not a member."""
        return self.types.get(user_id, "")


class Roster:
    """Rooms, remembered for as long as everybody who speaks is known."""

    def __init__(self, sdk: AsyncClient) -> None:
        self._sdk = sdk
        self._rooms: OrderedDict[ChatId, Room] = OrderedDict()

    async def room(self, chat_id: ChatId, speakers: Collection[str]) -> Room:
        """
        The chat's room, read again if one of `speakers` is not in what is remembered.

        A chat whose detail the server cannot give (Q20) is a room of unknown type: its messages are handled
        all the same.

        Raises:
            TransportError: The backend cannot be reached.
        """
        known = self._rooms.get(chat_id)
        if known is not None and all(speaker in known.types for speaker in speakers):
            return known
        try:
            chat = await self._sdk.chats.get(chat_id)
        except TransportError:
            raise
        except ApiError:
            return known or Room(chat_type="", types={})
        room = Room(
            chat_type=chat["type"], types={member["id"]: member["type"] for member in chat["members"]}
        )
        self._rooms[chat_id] = room
        self._rooms.move_to_end(chat_id)
        if len(self._rooms) > _REMEMBERED_CHATS:
            self._rooms.popitem(last=False)
        return room
