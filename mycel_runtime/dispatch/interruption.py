"""
A message that ends the run of a handler which is at work in its chat: the handler is run again, with it in view.

Whoever runs listens for announcements of his chat only; what is announced is looked at by a plain GET, and nothing
counts as shown by that. A reply that is on its way arrives before the run is cancelled.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, TypeVar

from mycel_runtime.speech.interrupts import SupersededError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterator

    from mycel_runtime.speech.turn import Turn
    from mycel_runtime.wire.ids import ChatId

T = TypeVar("T")


class Announcements:
    """Who listens for news of which chat."""

    def __init__(self) -> None:
        self._listening: dict[ChatId, list[asyncio.Event]] = {}

    def note(self, chats: Collection[ChatId]) -> None:
        """There may be something new in these."""
        for chat_id in self._listening.keys() & chats:
            for event in self._listening[chat_id]:
                event.set()

    @contextlib.contextmanager
    def listening(self, chat_id: ChatId) -> Iterator[asyncio.Event]:
        """An event that is set whenever there may be; it is at first, for what came before anybody listened."""
        event = asyncio.Event()
        event.set()
        events = self._listening.setdefault(chat_id, [])
        events.append(event)
        try:
            yield event
        finally:
            events.remove(event)
            if not events:
                del self._listening[chat_id]


async def wait_for_interruption(announced: asyncio.Event, look: Callable[[], Awaitable[bool]]) -> None:
    """
    Return when there is a message that interrupts.

    Args:
        announced: Set when it is worth looking.
        look: Whether there is one.

    Cancelling: loses nothing.
    """
    while True:
        await announced.wait()
        announced.clear()
        try:
            if await look():
                return
        except Exception:  # noqa: BLE001, S112 - what cannot be read interrupts nobody; a reply still proves that it is caught up
            continue


async def interruptible(run: Awaitable[T], interruption: Coroutine[None, None, None], turn: Turn) -> T:
    """
    What the run comes to.

    Args:
        run: Of a handler.
        interruption: Returns when it is to be ended.
        turn: Of its delivery.

    Raises:
        SupersededError: It was interrupted, or it is to be asked again anyhow.

    Cancelling: cancels the run.
    """

    async def as_value() -> tuple[T, None] | tuple[None, SupersededError]:
        try:
            return await run, None
        except SupersededError as exc:
            return None, exc

    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(as_value(), name="interruptible run")
        watching = tasks.create_task(interruption, name="interruption")
        await asyncio.wait([running, watching], return_when=asyncio.FIRST_COMPLETED)
        watching.cancel()
        if not running.done():
            async with turn.holding_still():
                running.cancel()
    if running.cancelled():
        raise SupersededError([])
    ended, superseded = running.result()
    if superseded is not None:
        raise superseded
    return ended  # type: ignore[return-value]  # mypy does not narrow a pair by its second half
