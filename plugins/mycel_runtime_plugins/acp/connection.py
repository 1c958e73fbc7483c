"""
JSON-RPC with an agent over its standard input and output: what is asked, and what comes unasked, in its order.

Everything is done in the callbacks that bring the bytes: there is no task of its own, nothing is handled out of
order, and an update that came before an answer is known before the answer is. Whatever is no message, or a message
that nobody knows, is counted and passed over.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from mycel_runtime_plugins.acp.lines import LineReader

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mycel_runtime_plugins.acp.lines import Line

METHOD_NOT_FOUND: Final = -32601
"""Source: JSON-RPC 2.0, 5.1."""

INVALID_PARAMS: Final = -32602
"""Source: JSON-RPC 2.0, 5.1."""

Params: TypeAlias = "Mapping[str, Any]"


class ConnectionLostError(RuntimeError):
    """The agent's process has ended, or is being ended."""


class AnsweredError(RuntimeError):
    """
    The agent has answered a request by an error.

    Its text is not kept: it may quote a message, or hold a key.

    Args:
        method: Of the request.
        code: Of the error; 0 if it has none.
    """

    def __init__(self, method: str, code: int) -> None:
        self.method, self.code = method, code
        super().__init__(f"the agent has answered {method} by the error {code}")


class Connection:
    """
    With one agent's process.

    Args:
        write: Writes bytes to its standard input; never waits.
        notified: Called with method and parameters of each notification.
        asked: Called with method and parameters of each request of the agent's; returns the result, or an error
            code. The answer may be a future, for what takes time.

    Attributes:
        counts: What was passed over, by what it was: `odd_line`, `lost_line`, `stray_answer`, `unknown_request`.
    """

    def __init__(
        self,
        write: Callable[[bytes], None],
        notified: Callable[[str, Params, bool], None],
        asked: Callable[[str, Params], Mapping[str, Any] | int | asyncio.Future[Mapping[str, Any]]],
    ) -> None:
        self._write = write
        self._notified, self._asked = notified, asked
        self._reader = LineReader()
        self._waiting: dict[int, tuple[str, asyncio.Future[Any]]] = {}
        self._number = 0
        self._is_lost = False
        self.counts: Counter[str] = Counter()

    @property
    def is_lost(self) -> bool:
        """Whether nothing will come any more."""
        return self._is_lost

    def request(self, method: str, params: Params) -> asyncio.Future[Any]:
        """
        Ask. The future is the result, or raises `AnsweredError` or `ConnectionLostError`.

        Cancelling the future: the answer is passed over when it comes.
        """
        self._number += 1
        number, future = self._number, asyncio.get_running_loop().create_future()
        # Whoever has stopped waiting is not told that nobody took the error.
        future.add_done_callback(_take_error)
        if self._is_lost:
            future.set_exception(ConnectionLostError("the agent has ended"))
            return future
        self._waiting[number] = (method, future)
        self._send({"id": number, "method": method, "params": params})
        return future

    async def call(self, method: str, params: Params, *, within: float) -> Any:
        """
        Ask, and wait for the result.

        Raises:
            AnsweredError: It is an error.
            ConnectionLostError: The agent has ended.
            TimeoutError: It took longer than `within` seconds.

        Cancelling: the answer is passed over when it comes.
        """
        async with asyncio.timeout(within):
            return await self.request(method, params)

    def notify(self, method: str, params: Params) -> None:
        """Tell; to an agent that has ended, nothing."""
        if not self._is_lost:
            self._send({"method": method, "params": params})

    def feed(self, data: bytes) -> None:
        """The agent has written this."""
        for line in self._reader.feed(data):
            self._take(line)
        if self._reader.lost:
            self.counts["lost_line"] = self._reader.lost

    def lose(self) -> None:
        """The agent has ended."""
        self._is_lost = True
        waiting, self._waiting = self._waiting, {}
        for _, future in waiting.values():
            if not future.done():
                future.set_exception(ConnectionLostError("the agent has ended"))

    def _send(self, message: Mapping[str, Any]) -> None:
        self._write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")

    def _take(self, line: Line) -> None:
        try:
            # Not every agent writes UTF-8 all the time; what is no UTF-8 costs its characters only.
            message = json.loads(line.data.decode(errors="replace"))
        except (ValueError, RecursionError):
            self.counts["odd_line"] += bool(line.data.strip())
            return
        method = message.get("method") if isinstance(message, dict) else None
        if isinstance(method, str):
            self._take_call(method, message, is_cut=line.is_cut)
        elif isinstance(message, dict) and "id" in message:
            self._take_answer(message)
        else:
            self.counts["odd_line"] += 1

    def _take_call(self, method: str, message: Mapping[str, Any], *, is_cut: bool) -> None:
        found = message.get("params")
        params = found if isinstance(found, dict) else {}
        if "id" in message:
            self._answer(message["id"], self._asked(method, params))
        else:
            self._notified(method, params, is_cut)

    def _answer(
        self, number: Any, answer: Mapping[str, Any] | int | asyncio.Future[Mapping[str, Any]]
    ) -> None:
        if isinstance(answer, asyncio.Future):
            answer.add_done_callback(lambda done: self._answer_late(number, done))
        elif isinstance(answer, int):
            self.counts["unknown_request"] += answer == METHOD_NOT_FOUND
            self._send({"id": number, "error": {"code": answer, "message": "refused"}})
        else:
            self._send({"id": number, "result": answer})

    def _answer_late(self, number: Any, done: asyncio.Future[Mapping[str, Any]]) -> None:
        if not self._is_lost and not done.cancelled():
            self._send({"id": number, "result": done.result()})

    def _take_answer(self, message: Mapping[str, Any]) -> None:
        number = message["id"]
        method, future = self._waiting.pop(number, ("", None)) if isinstance(number, int) else ("", None)
        if future is None or future.done():
            self.counts["stray_answer"] += 1
        elif "error" in message:
            future.set_exception(AnsweredError(method, _code_of(message["error"])))
        else:
            future.set_result(message.get("result"))


def _code_of(error: Any) -> int:
    code = error.get("code") if isinstance(error, dict) else None
    return code if isinstance(code, int) else 0


def _take_error(future: asyncio.Future[Any]) -> None:
    if not future.cancelled():
        future.exception()
