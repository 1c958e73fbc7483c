"""Which frame made a chat's work due, and how long it took to be journalled."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Collection

K = TypeVar("K")
V = TypeVar("V")

REMEMBERED: Final = 10_000
"""Chats whose delivery has not begun, and deliveries that have; beyond that the oldest are forgotten."""

_OF_A_CHAT: Final = 16
"""Frames that are told apart while none of them has a delivery: the first made it due, the newest may do so again."""


class HeardFrame(NamedTuple):
    """
    Epoch seconds.

    Attributes:
        journalled_at: `None`: whoever writes it has not been told of its end yet.
    """

    heard_at: float
    journalled_at: float | None = None


class HeardFrames:
    """Of one agent, by chat. The work is due by the store's clock: after the frame was heard, and before the next."""

    def __init__(self) -> None:
        self._heard: OrderedDict[str, list[HeardFrame]] = OrderedDict()
        self._begun: OrderedDict[tuple[str, float], HeardFrame | None] = OrderedDict()

    def hear(self, chats: Collection[str], heard_at: float) -> None:
        """Frames about these came."""
        for chat_id in chats:
            frames = self._heard.setdefault(chat_id, [])
            del frames[_OF_A_CHAT - 1 :]
            frames.append(HeardFrame(heard_at))
        _shorten(self._heard)

    def note_journalled(self, chats: Collection[str], heard_at: float, journalled_at: float) -> None:
        """They are committed; a delivery may have begun before."""
        for chat_id in chats:
            frames = self._heard.get(chat_id, [])
            frames[:] = [
                each._replace(journalled_at=journalled_at) if each.heard_at == heard_at else each
                for each in frames
            ]

    def of_delivery(self, chat_id: str, due_at: float) -> HeardFrame | None:
        """
        The frame to which a delivery that begins is owed; `None`: none is known.

        All of a chat's frames are over then: the run is shown what they told of. The chat's other handlers, who are
        due since the same time, owe theirs to the same one.
        """
        if (chat_id, due_at) not in self._begun:
            before = [each for each in self._heard.pop(chat_id, ()) if each.heard_at <= due_at]
            self._begun[chat_id, due_at] = before[-1] if before else None
            _shorten(self._begun)
        return self._begun[chat_id, due_at]


def _shorten(remembered: OrderedDict[K, V]) -> None:
    while len(remembered) > REMEMBERED:
        remembered.popitem(last=False)
