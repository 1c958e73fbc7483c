"""The port of a context in its plugin's own process: each call of it is carried to the runtime, whatever it is."""

from __future__ import annotations

import asyncio
import inspect
import json
from typing import TYPE_CHECKING, Any, TypeVar

from mycel_runtime.plugin.isolation import messages as said

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

T = TypeVar("T")

_GOES_ON = frozenset({"ask", "reply", "say", "read"})
"""Methods whose work goes on when a handler stops waiting for it: the same words again wait for its answer."""


class RemotePort:
    """
    All methods of a port's protocol.

    Args:
        kind: The protocol.
        run: Name of the run.
        ask: Puts a question to the runtime and blocks until it is answered.
        is_blocking: For a plain function: nobody else is to go on meanwhile.

    Attributes:
        effects: What takes effect when the run returns.
    """

    def __init__(
        self, kind: type[Any], run: str, ask: Callable[[said.Question], Any], *, is_blocking: bool
    ) -> None:
        self._kind = kind
        self._run = run
        self._ask_runtime = ask
        self._is_blocking = is_blocking
        self._left: dict[str, asyncio.Future[Any]] = {}
        self.effects: list[said.Effect] = []

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._kind, name)
        if not inspect.iscoroutinefunction(method):
            return lambda *arguments: self.effects.append(said.Effect(method=name, arguments=arguments))
        return lambda *arguments: self._ask(said.Question(run=self._run, method=name, arguments=arguments))

    def go_on_awaited(self) -> None:
        """The function has returned a coroutine, beside which others may run."""
        self._is_blocking = False

    async def _ask(self, question: said.Question) -> Any:
        if self._is_blocking:
            return self._ask_runtime(question)
        words = json.dumps(question.model_dump())
        answer = self._left.pop(words, None) or asyncio.get_running_loop().run_in_executor(
            None, self._ask_runtime, question
        )
        try:
            return await asyncio.shield(answer)
        except asyncio.CancelledError:
            answer.add_done_callback(_look_at)
            if question.method in _GOES_ON:
                self._left[words] = answer
            raise


class WaitingInProcess:
    """
    How a plain function's calls are waited for where nothing else is to be done meanwhile: step by step.

    Args:
        port: What they ask; it blocks until it is answered.
    """

    def __init__(self, port: RemotePort) -> None:
        self._port = port
        self._is_awaited = False

    def wait(self, coroutine: Coroutine[Any, Any, T]) -> Any:
        """Its result; the coroutine itself, once it is awaited."""
        if self._is_awaited:
            return coroutine
        try:
            coroutine.send(None)
        except StopIteration as done:
            return done.value
        raise AssertionError("a context's method has waited for something else than its port")

    def go_on_awaited(self) -> None:
        """The function has returned a coroutine."""
        self._is_awaited = True
        self._port.go_on_awaited()


def _look_at(answer: asyncio.Future[Any]) -> None:
    """Nobody may ask for it again, and then its error would be told as lost."""
    if not answer.cancelled():
        answer.exception()
