"""uvicorn as a guest of the daemon."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Final

import uvicorn
from typing_extensions import override

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

_GRACE_SECONDS: Final = 1


class QuietServer(uvicorn.Server):
    """
    uvicorn without its hands on the process's signals and standard streams.

    Args:
        app: What answers.
        options: Further ones of uvicorn.
    """

    def __init__(self, app: Any, **options: Any) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                ws="none",
                lifespan="off",
                access_log=False,
                log_config=None,
                log_level="critical",
                timeout_graceful_shutdown=_GRACE_SECONDS,
                **options,
            )
        )

    @override
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    @override
    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        """
        As of uvicorn.

        Cancelling: nothing is listened to any more. uvicorn leaves that to the end of the process; the loop would go
        on to watch the closed sockets' numbers, and whichever connection has one of them next would hear nothing.
        """
        self.servers = []
        try:
            await super().serve(sockets)
        finally:
            for server in self.servers:
                server.close()
            for connection in list(self.server_state.connections):
                connection.shutdown()
