"""What takes one try of a call to the backend, and its answer back, on an event loop: HTTP, or a link."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any, Protocol

import httpx

from mycel_runtime.errors import TransportError
from mycel_runtime.sdk.transport import read, read_async, transport_error

if TYPE_CHECKING:
    from mycel_runtime.sdk.calls import Call
    from mycel_runtime.sdk.exchange import Reply
    from mycel_runtime.sdk.transport import Requests


class Carrier(Protocol):
    """Of one client, which closes it."""

    async def carry(self, call: Call[Any]) -> Reply:
        """
        Have a call's request answered.

        Raises:
            ClientUsageError: As `Requests.of`.
            TransportError: There is no answer, or none in time.

        Cancelling: the request may or may not have been carried out.
        """

    async def aclose(self) -> None:
        """Calls under way end with an error."""


class HttpCarrier:
    """
    Carries by HTTP.

    Args:
        requests: Of the client.
        transport: To the backend.
        deadline_seconds: For all of it; `None`: only each step has a bound.
    """

    def __init__(
        self, requests: Requests, transport: httpx.AsyncBaseTransport, *, deadline_seconds: float | None
    ) -> None:
        self._requests = requests
        self._transport = transport
        self._deadline_seconds = deadline_seconds

    async def carry(self, call: Call[Any]) -> Reply:
        """As of `Carrier`."""
        request = self._requests.of(call)
        try:
            async with asyncio.timeout(self._deadline_seconds):
                response = await self._transport.handle_async_request(request)
                if isinstance(response.stream, httpx.ByteStream):
                    return read(response)  # it is all there, and no connection waits for its end
                async with contextlib.aclosing(response):
                    return await read_async(response)
        except TimeoutError as exc:
            raise deadline_error() from exc
        except (httpx.HTTPError, httpx.InvalidURL) as exc:
            raise transport_error(exc) from exc

    async def aclose(self) -> None:
        """As of `Carrier`."""
        await self._transport.aclose()


def deadline_error() -> TransportError:
    """Of a call that had no end."""
    return TransportError("transport error: the call's deadline has passed")
