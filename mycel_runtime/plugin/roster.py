"""
Who is in a chat.

A message does not tell what its sender is; the chat's members do. They are asked once per chat, and again
when somebody unknown speaks.
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from mycel_runtime.errors import ServerError
from mycel_runtime.plugin.room import Room

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from mycel_runtime.sdk import AsyncClient
    from mycel_runtime.wire.ids import ChatId

_REMEMBERED_CHATS: Final = 4096

_PATIENCE_SECONDS: Final = 30.0
"""A chat's detail that has been a 500 for so long is no passing trouble."""

_SERVER_ERROR: Final = 500


class Roster:
    """
    Rooms, remembered for as long as everybody who speaks is known.

    Args:
        sdk: As the identity.
        clock: Seconds, from anywhere.
    """

    def __init__(self, sdk: AsyncClient, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._sdk = sdk
        self._clock = clock
        self._rooms: OrderedDict[ChatId, Room] = OrderedDict()
        self._failing_since: dict[ChatId, float] = {}

    async def room(self, chat_id: ChatId, speakers: Collection[str]) -> Room:
        """
        The chat's room, read again if one of `speakers` is not in what is remembered.

        A chat whose detail the server can never give (Q20) is a room that is not whole: its messages are handled
        all the same.

        Raises:
            ApiError: It cannot be read now, or we are not let in. To go on without it would keep messages from the
                handlers that ask for them.

        Cancelling: loses nothing.
        """
        known = self._rooms.get(chat_id)
        if known is not None and all(speaker in known.types for speaker in speakers):
            return known
        try:
            chat = await self._sdk.chats.get(chat_id)
        except ServerError as exc:
            if exc.status_code != _SERVER_ERROR or not await self._is_broken(chat_id):
                raise
            return dataclasses.replace(known or Room(chat_type="", types={}), is_whole=False)
        self._failing_since.pop(chat_id, None)
        room = Room(
            chat_type=chat["type"], types={member["id"]: member["type"] for member in chat["members"]}
        )
        self._rooms[chat_id] = room
        self._rooms.move_to_end(chat_id)
        if len(self._rooms) > _REMEMBERED_CHATS:
            self._rooms.popitem(last=False)
        return room

    async def _is_broken(self, chat_id: ChatId) -> bool:
        """
        Whether the detail is a 500 for ever; if that cannot be seen, by its having been one for long.

        Believed too early it costs a filter; believed never it would cost every message of the chat.
        """
        long_ago = self._clock() - _PATIENCE_SECONDS
        since = self._failing_since.setdefault(chat_id, self._clock())
        if since > long_ago and await self._is_poisonous(chat_id):
            since = self._failing_since[chat_id] = -math.inf
        return since <= long_ago

    async def _is_poisonous(self, chat_id: ChatId) -> bool:
        """
        Whether it is as with a member who has vanished (Q20): the list of chats is a 500 too, the messages are not.

        Passing trouble of the detail leaves the list, and trouble of the whole server does not leave the messages.
        """
        try:
            await self._sdk.chats.list()
        except ServerError as exc:
            if exc.status_code != _SERVER_ERROR:
                raise
        else:
            return False
        await self._sdk.messages.list(chat_id, limit=1)
        return True
