"""Deliveries whose answers may come by a callback: who waits for what, and what the caller is told of it."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mycel_runtime_plugins.webhook.answer import Answer

_REMEMBERED: Final = 1024
"""Ids whose answers were said: who calls again, because he has lost what he was told, is told it again."""


class Call:
    """
    The answer that one delivery waits for.

    Args:
        check: Makes an answer of a body, or raises `AnswerError`.
    """

    def __init__(self, check: Callable[[bytes], Answer]) -> None:
        loop = asyncio.get_running_loop()
        self._check = check
        self._answer: asyncio.Future[Answer] = loop.create_future()
        self._outcome: asyncio.Future[HTTPStatus] = loop.create_future()

    async def answer(self, within: float) -> Answer:
        """
        Wait for it.

        Raises:
            TimeoutError: It did not come within so many seconds.

        Cancelling: nobody waits any more.
        """
        async with asyncio.timeout(within):
            return await self._answer

    async def take(self, body: bytes, within: float) -> HTTPStatus:
        """
        Hand an answer over, and wait until it was said. Of several the first counts, and all are told the same.

        Args:
            body: What the caller says.
            within: Seconds.

        Raises:
            AnswerError: It is none, and the delivery goes on waiting.

        Cancelling: what was handed over stays so.
        """
        answer = self._check(body)
        if not self._answer.done():
            self._answer.set_result(answer)
        await asyncio.wait([self._outcome], timeout=within)
        return self._outcome.result() if self._outcome.done() else HTTPStatus.SERVICE_UNAVAILABLE

    def decline(self) -> None:
        """The endpoint has answered otherwise: no caller is heard any more."""
        self.close(HTTPStatus.CONFLICT)

    def close(self, status: HTTPStatus) -> None:
        """The delivery is over, and this is what callers are told; the first time counts."""
        self._answer.cancel()
        if not self._outcome.done():
            self._outcome.set_result(status)


class Waiting:
    """All of one identity."""

    def __init__(self) -> None:
        self._calls: dict[str, Call] = {}
        self._said: deque[str] = deque(maxlen=_REMEMBERED)

    @contextmanager
    def call(self, webhook_id: str, check: Callable[[bytes], Answer]) -> Iterator[Call]:
        """
        Wait for an answer until the context ends: well, and it was said; by an exception, and it was not.

        Args:
            webhook_id: Of the delivery; it waits once.
            check: As of `Call`.
        """
        call = self._calls[webhook_id] = Call(check)
        try:
            yield call
            call.close(HTTPStatus.OK)
            self._said.append(webhook_id)
        finally:
            del self._calls[webhook_id]
            call.close(HTTPStatus.SERVICE_UNAVAILABLE)

    async def take(self, webhook_id: str, body: bytes, within: float) -> HTTPStatus:
        """As of `Call.take`; 404: nobody waits for it, 200: it was said already."""
        call = self._calls.get(webhook_id)
        if call is not None:
            return await call.take(body, within)
        return HTTPStatus.OK if webhook_id in self._said else HTTPStatus.NOT_FOUND
