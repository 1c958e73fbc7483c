"""
What a delivery spends its time on, for whoever follows it: a seam with nothing behind it unless that is configured.

A delivery that is followed has spans, opened by the code that does the work; which delivery that is goes along with
the context of its tasks and threads. Without a follower `span` costs a look at a context variable.
"""

from __future__ import annotations

import contextlib
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final, Literal, Protocol, TypeAlias

from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from contextlib import AbstractContextManager

SpanName: TypeAlias = Literal["chat.read", "handler.run", "reply.prove", "reply.send", "delivery.finish"]
"""What is done: the chat's history is read, the handler runs, its reply is proven and sent, the end written down."""

_NOTHING: Final[AbstractContextManager[None]] = contextlib.nullcontext()

OPENED: Final[ContextVar[Callable[[SpanName], AbstractContextManager[object]] | None]] = ContextVar(
    "mycel_runtime_span", default=None
)
"""How the delivery that runs in this context opens a span; `None`: nobody follows it."""


def span(name: SpanName) -> AbstractContextManager[object]:
    """The time of a block, as a part of the delivery that is run; what is raised in it passes through."""
    opened = OPENED.get()
    return _NOTHING if opened is None else opened(name)


class Traces(Protocol):
    """Follows deliveries. Called on the event loop; must be quick and must not raise. Times are epoch seconds."""

    def heard(self, chats: Collection[str], heard_at: float) -> None:
        """Frames about these chats came, and are about to be committed: their work may begin at any time."""

    def journalled(self, chats: Collection[str], heard_at: float, journalled_at: float) -> None:
        """They are committed."""

    def delivery(
        self, delivery_id: int, *, turn: int, handler: str, chat_id: str | None, due_at: float, attempt: int
    ) -> AbstractContextManager[object]:
        """One attempt, from here on; what is done in it opens spans below it."""


class Untraced(Traces):
    """Nobody follows."""

    @override
    def heard(self, chats: Collection[str], heard_at: float) -> None: ...

    @override
    def journalled(self, chats: Collection[str], heard_at: float, journalled_at: float) -> None: ...

    @override
    def delivery(
        self, delivery_id: int, *, turn: int, handler: str, chat_id: str | None, due_at: float, attempt: int
    ) -> AbstractContextManager[object]:
        return _NOTHING
