"""A network in which anything may happen to a request: the real SDK on the real application, without sockets."""

from __future__ import annotations

from enum import StrEnum

import httpx


class Fate(StrEnum):
    """What becomes of a request."""

    ANSWERED = "answered"
    NOT_SENT = "not sent"
    LOST_BEFORE = "lost before the server"
    LOST_AFTER = "lost after the server"
    BLINDED = "lost after the server, and from then on no history can be read"
    REFUSED = "500 instead of the server"
    FAILED_AFTER = "500 after the server"
    STORED_IN_500 = "500 with the stored row in it (Q21)"
    BUSY = "429"
    OVERTAKEN = "somebody speaks before it arrives"
    SLIPPED = "somebody speaks between check and write (Q28)"
    FOLLOWED = "somebody speaks before its answer arrives"


class Step(StrEnum):
    """What a request is for."""

    SEND = "send"
    READ = "read"
    LIST = "list"
    OTHER = "other"


def step_of(request):
    """Of the four."""
    path = request.url.path
    if request.method == "POST":
        return Step.SEND if path.endswith("/messages") else Step.READ
    return Step.LIST if path.endswith("/messages") else Step.OTHER


UNHEARD = {Fate.NOT_SENT: httpx.ConnectError, Fate.LOST_BEFORE: httpx.ReadError}
SPOILT = {Fate.REFUSED: 500, Fate.BUSY: 429}


class Network(httpx.AsyncBaseTransport):
    """
    To one server, for one client.

    Args:
        server: A `Counterpart`.
        beat: Called before and after each request; raises when the client is dead.
        answered: Called when the server has done what was asked, with the newest number before that.

    Attributes:
        fates: Of the next requests of each step, the first one first; later ones are answered.
        is_history_down: Whether pages of messages cannot be read.
    """

    def __init__(self, server, *, beat, answered):
        self._server = server
        self._beat = beat
        self._answered = answered
        self.fates = {}
        self.is_history_down = False

    async def handle_async_request(self, request):
        self._beat()
        try:
            return await self._meet(request, self._take(request))
        finally:
            self._beat()

    async def aclose(self):
        """Nothing is open."""

    def _take(self, request):
        step = step_of(request)
        fates = self.fates.get(step)
        fate = fates.pop(0) if fates else Fate.ANSWERED
        if step is Step.LIST and self.is_history_down:
            return Fate.REFUSED if fate is Fate.ANSWERED else Fate.LOST_BEFORE
        return fate

    async def _meet(self, request, fate):
        if fate in UNHEARD:
            raise UNHEARD[fate](fate, request=request)
        if fate in SPOILT:
            return httpx.Response(SPOILT[fate], json={"detail": fate}, request=request)
        await self._trouble(request, fate)
        newest = self._server.newest_seq
        response = await self._server.application.handle_async_request(request)
        await response.aread()
        self._answered(newest)
        if fate is Fate.FOLLOWED:
            await self._server.speak()
        self.is_history_down = self.is_history_down or fate is Fate.BLINDED
        if fate in {Fate.LOST_AFTER, Fate.BLINDED}:
            raise httpx.ReadError(fate, request=request)
        return httpx.Response(500, text="no", request=request) if fate is Fate.FAILED_AFTER else response

    async def _trouble(self, request, fate):
        if fate is Fate.OVERTAKEN:
            await self._server.speak()
        if step_of(request) is Step.SEND:
            if fate is Fate.SLIPPED:
                self._server.slip()
            if fate is Fate.STORED_IN_500:
                self._server.fail_delivery()
