"""
The way into a life of the server for whoever is in its loop: nothing is listened to, and no HTTP is parsed.

What a caller gets is what he would get through a socket, from the same application behind the same gate: status,
headers and body, the end of a connection that a fault cuts or that the server lets die, and a stream that speaks
WebSocket. What is ordinary is answered past the application's layers, while no fault is ordered for any request.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

from mycel_runtime.backend.door_exchange import (
    Answered,
    ApplicationExchange,
    Asked,
    CutError,
    answer_ordinary,
    gone_on,
    lose,
)

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Coroutine

    import uvicorn
    from fastapi import Response
    from starlette.types import ASGIApp, Scope

    from mycel_runtime.backend.door_exchange import Header

Shortcut: TypeAlias = "Callable[[Asked, Scope], Coroutine[Any, Any, Response] | None]"
"""What answers a request without the application, and marks its scope as that does; `None`: nothing may."""


class Door:
    """
    Into one life of a server; made in its loop.

    Args:
        server: Which it is; it waits for what came in here when it ends, as for what came through sockets.
        tasks: In which requests are carried out, whoever still waits for them.
        shortcut: Past the application.
    """

    def __init__(self, server: uvicorn.Server, tasks: asyncio.TaskGroup, shortcut: Shortcut) -> None:
        self.shortcut = shortcut
        self._config = server.config
        self._state = server.server_state
        self._tasks = tasks
        self.is_shut = False

    def shut(self) -> None:
        """Let nobody in any more."""
        self.is_shut = True

    def connection(self) -> DirectConnection:
        """A new one, for one request after the other."""
        return DirectConnection(self)

    def accept(self, theirs: socket.socket) -> None:
        """Serve a connected socket, on which a WebSocket's handshake comes; it is the server's from now on."""
        self.start(self._accept(theirs)).add_done_callback(partial(_close_if_cancelled, theirs))

    def start(self, work: Coroutine[None, None, Any]) -> asyncio.Task[Any]:
        """Do it in this life, whose end waits for it."""
        task = self._tasks.create_task(work, name="backend-direct")
        self._state.tasks.add(task)
        task.add_done_callback(self._state.tasks.discard)
        return task

    @property
    def app(self) -> ASGIApp:
        """The application, behind its gate."""
        app: ASGIApp = self._config.loaded_app
        return app

    @property
    def headers(self) -> list[Header]:
        """Of every answer."""
        return self._state.default_headers

    async def _accept(self, theirs: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        await loop.connect_accepted_socket(self._protocol, theirs)

    def _protocol(self) -> asyncio.Protocol:
        made: asyncio.Protocol = self._config.ws_protocol_class(  # type: ignore[call-arg,misc]  # as uvicorn's server does
            config=self._config, server_state=self._state, app_state={}, _loop=asyncio.get_running_loop()
        )
        return made


class DirectConnection:
    """
    What a connection is to a client and to the gate, without a socket.

    Attributes:
        client: It has no address.
        door: By which it came in.
    """

    client: tuple[str, int] | None = None

    def __init__(self, door: Door) -> None:
        self.door = door
        self._answer: asyncio.Future[Answered] | None = None
        self._is_read = True
        self._over = asyncio.Event()

    @property
    def transport(self) -> DirectConnection:
        """What can be paused and ended of it: itself."""
        return self

    @property
    def app(self) -> ASGIApp:
        """The application, behind its gate."""
        return self.door.app

    @property
    def headers(self) -> list[Header]:
        """Of every answer of the server."""
        return self.door.headers

    @property
    def is_over(self) -> bool:
        """Whether it has been cut or closed, or the server has ended: no request gets through any more."""
        return self._over.is_set() or self.door.is_shut

    @property
    def is_idle(self) -> bool:
        """Whether the last request on it has been answered."""
        return self._answer is None or (self._answer.done() and not self._answer.cancelled())

    async def ask(self, asked: Asked, *, within: float | None = None) -> Answered:
        """
        Have a request carried out.

        Args:
            asked: The request.
            within: Seconds to wait for the answer; `None`: as long as it takes.

        Raises:
            CutError: There will be no answer.
            TimeoutError: It takes longer; the connection is closed, as of who does not wait any more.

        Cancelling: the request is carried out all the same; the connection is of no more use.
        """
        if self.is_over:
            raise CutError
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Answered] = loop.create_future()
        self._answer = answer
        if self._is_read:
            self._begin(asked, answer)
        # A timer costs half as much as a timeout's context.
        patience = None if within is None or answer.done() else loop.call_later(within, _give_up, answer)
        try:
            if answer.done():
                # Others have their turn during any request.
                await asyncio.sleep(0)
            return await answer
        except (CutError, TimeoutError) as exc:
            # The error refers to this place, and would refer to itself.
            self._answer = None
            if isinstance(exc, TimeoutError):
                self.close()
            raise
        finally:
            del answer
            if patience is not None:
                patience.cancel()

    def _begin(self, asked: Asked, answer: asyncio.Future[Answered]) -> None:
        """What is done without a wait is done at once; the rest goes on whoever still waits for it."""
        scope: Scope = {"type": "http"}
        if (answering := self.door.shortcut(asked, scope)) is None:
            self.door.start(ApplicationExchange(self, asked, answer).run())
            return
        ordinary = answer_ordinary(self, answering, scope, answer)
        try:
            waits_for = ordinary.send(None)
        except StopIteration:
            return
        self.door.start(gone_on(ordinary, waits_for))

    def pause_reading(self) -> None:
        """Requests from now on lie there unread."""
        self._is_read = False

    def close(self) -> None:
        """End it."""
        self._over.set()
        if self._answer is not None:
            lose(self._answer)

    abort = close

    async def wait_over(self) -> None:
        """Until it is cut or closed."""
        await self._over.wait()


def _give_up(answer: asyncio.Future[Answered]) -> None:
    if not answer.done():
        answer.set_exception(TimeoutError())


def _close_if_cancelled(theirs: socket.socket, accepting: asyncio.Task[None]) -> None:
    if accepting.cancelled():
        theirs.close()
