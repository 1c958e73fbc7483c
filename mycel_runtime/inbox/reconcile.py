"""
What the server says is there for us.

A notification is a hint that may get lost in many ways (Q5, Q6, Q14, Q32); the lists are the truth. So they are
asked at every connect, when the session asks for it, and on a timer. The queue is drained too, after the resume
has been sent and never before: what waits in it would wait for an unrelated wake.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

from mycel_runtime.errors import ApiError, AuthenticationError, IdentityRefusedError
from mycel_runtime.inbox.session import Received
from mycel_runtime.observe.facts import ReconcileFailed, ReconcileFinished
from mycel_runtime.wire.codec import decode_item
from mycel_runtime.wire.ids import ChatId, MessageSeq

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from mycel_runtime.inbox.intake import Intake
    from mycel_runtime.observe.observer import Observer
    from mycel_runtime.sdk import AsyncClient
    from mycel_runtime.wire.resources import ChatSummary


class Reconciler:
    """
    Compares what the server holds with what we know, and makes the difference due.

    Args:
        sdk: As the identity.
        intake: Where drained items and unread chats go.
        observer: Told of the outcome.
        server: For error texts.
    """

    def __init__(self, *, sdk: AsyncClient, intake: Intake, observer: Observer, server: str) -> None:
        self._sdk = sdk
        self._intake = intake
        self._observer = observer
        self._server = server
        self._lock = asyncio.Lock()

    async def run(self, reason: str) -> None:
        """
        Ask once; the two questions fail each on its own, because one broken chat makes both a 500 (Q20).

        Raises:
            IdentityRefusedError: The token is refused.

        Cancelling: what was answered is committed or will be asked again.
        """
        async with self._lock:
            drained = await self._ask(reason, self._drain)
            unread = await self._ask(reason, self._hint_unread)
        if drained is not None and unread is not None:
            self._observer.tell(ReconcileFinished(reason=reason, drained=drained, unread_chats=unread))

    async def _ask(self, reason: str, question: Callable[[], Awaitable[int]]) -> int | None:
        try:
            return await question()
        except AuthenticationError as exc:
            raise IdentityRefusedError(self._server, exc.detail) from exc
        except ApiError as exc:
            self._observer.tell(
                ReconcileFailed(reason=reason, error=f"{type(exc).__name__} {exc.status_code}")
            )
            return None

    async def _drain(self) -> int:
        items = (await self._sdk.notifications.drain())["notifications"]
        if items:
            await self._intake.take(
                [
                    Received(frame=decode_item(item), raw=json.dumps(item, ensure_ascii=False))
                    for item in items
                ]
            )
        return len(items)

    async def _hint_unread(self) -> int:
        unread = unread_chats(await self._sdk.chats.list())
        await self._intake.hint(unread)
        return len(unread)


def unread_chats(chats: Sequence[ChatSummary]) -> list[tuple[ChatId, MessageSeq | None]]:
    """
    Chats that hold something unread, with the seq of their newest message.

    Generation A gives no seq: then nobody knows how far to look, and the chat is looked at once more.
    """
    return [(ChatId(chat["id"]), _newest_seq(chat)) for chat in chats if chat["unread_count"] > 0]


def _newest_seq(chat: ChatSummary) -> MessageSeq | None:
    last = chat["last_message"]
    seq = last.get("seq") if last else None
    return None if seq is None else MessageSeq(seq)
