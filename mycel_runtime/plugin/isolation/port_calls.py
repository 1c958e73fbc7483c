"""Carries out what a plugin's process asks of its context's ports, on the runtime's side and with its guarantees."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from mycel_runtime.plugin.event_context import RequestView
from mycel_runtime.plugin.isolation.messages import ProtocolError
from mycel_runtime.plugin.message_context import MessageContext
from mycel_runtime.plugin.port import ChatPort, RequestPort, RunPort, SdkPort

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mycel_runtime.plugin.context import Context
    from mycel_runtime.plugin.isolation.messages import Effect, Question


class PortCalls:
    """
    Those of one run.

    Only what the port's protocol names is called, and only as it is meant to be.

    Args:
        context: Whose ports they are.
    """

    def __init__(self, context: Context) -> None:
        self._ports = ports_of(context)

    async def call(self, question: Question) -> Any:
        """
        What the method returned.

        Raises:
            ProtocolError: There is no such method, or not with such arguments.
            TurnEndedError, ApiError, ArgumentError: As the method raised it.
        """
        method = self._method(question, is_awaited=True)
        return await method(*question.arguments)

    def take_effect(self, effects: Sequence[Effect]) -> None:
        """
        Do what the run has asked for to happen when it returns.

        Raises:
            ProtocolError: As of `call`.
        """
        for effect in effects:
            self._method(effect, is_awaited=False)(*effect.arguments)

    def _method(self, call: Question | Effect, *, is_awaited: bool) -> Any:
        declared, port = self._declared(call.method)
        is_method = inspect.isfunction(declared) and not call.method.startswith("_")
        if not is_method or inspect.iscoroutinefunction(declared) is not is_awaited:
            raise ProtocolError("a plugin's process has asked for what its context has not")
        method = getattr(port, call.method)
        try:
            inspect.signature(method).bind(*call.arguments)
        except TypeError:
            raise ProtocolError("a plugin's process has asked for something with other arguments") from None
        return method

    def _declared(self, name: str) -> tuple[Any, Any]:
        """What a protocol says of a method, and the port that has it."""
        return next(
            ((getattr(kind, name), port) for kind, port in self._ports if hasattr(kind, name)), (None, None)
        )


def ports_of(context: Context) -> list[tuple[type[Any], Any]]:
    """The protocols of a context's ports, each with the port."""
    ports: list[tuple[type[Any], Any]] = [
        (SdkPort, context.run.sdk),
        (RunPort, context._runtime),  # noqa: SLF001 - the context's other end
    ]
    match context:
        case MessageContext(_port=port):
            ports.append((ChatPort, port))
        case RequestView(_port=port):
            ports.append((RequestPort, port))
        case _:
            pass
    return ports
