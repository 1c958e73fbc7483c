"""
What a client of the page may cost: how many connections, how long a request, how slow a reader.

uvicorn bounds none of these by itself. Whoever is over a bound is cut off without a word: it is no browser.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from typing_extensions import override
from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    import asyncio

    from uvicorn.protocols.http.h11_impl import RequestResponseCycle

CONNECTIONS: Final = 64
"""At once, those of all clients together; a browser opens six."""

REQUEST_SECONDS: Final = 5.0
"""From a request's first byte, or from the connection's beginning, to the last byte of its body."""

STALLED_SECONDS: Final = 10.0
"""For which something may wait to be read by the client, be it an answer or the log."""

_BUFFER_BYTES: Final = 65_536
_LOOK_SECONDS: Final = 1.0


class BoundedConnection(H11Protocol):
    """One connection, as uvicorn has it, that is looked at each second while it lasts."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._began: float | None = None
        self._stalled_since: float | None = None
        self._next_look: asyncio.TimerHandle | None = None

    @override
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        super().connection_made(transport)
        if len(self.connections) > CONNECTIONS:
            transport.abort()
            return
        transport.set_write_buffer_limits(high=_BUFFER_BYTES)
        self._began = self.loop.time()
        self._next_look = self.loop.call_later(_LOOK_SECONDS, self._look)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        if self._next_look is not None:
            self._next_look.cancel()
        super().connection_lost(exc)

    @override
    def data_received(self, data: bytes) -> None:
        if self._began is None:
            self._began = self.loop.time()
        super().data_received(data)

    @override
    def on_response_complete(self) -> None:
        self._began = None
        super().on_response_complete()

    def _look(self) -> None:
        now = self.loop.time()
        if self._is_late(now) or self._is_stalled(now):
            self.transport.abort()
            return
        self._next_look = self.loop.call_later(_LOOK_SECONDS, self._look)

    def _is_late(self, now: float) -> bool:
        """Whether the client takes too long to say what it wants."""
        cycle = cast("RequestResponseCycle | None", self.cycle)  # None before the first
        is_received = cycle is not None and not cycle.response_complete and not cycle.more_body
        return self._began is not None and not is_received and now - self._began > REQUEST_SECONDS

    def _is_stalled(self, now: float) -> bool:
        """Whether the client takes too long to read."""
        if not self.transport.get_write_buffer_size():
            self._stalled_since = None
        elif self._stalled_since is None:
            self._stalled_since = now
        return self._stalled_since is not None and now - self._stalled_since > STALLED_SECONDS
