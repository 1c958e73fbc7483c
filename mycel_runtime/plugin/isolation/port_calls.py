"""Carries out what a plugin's process asks of its context's port, on the runtime's side and with its guarantees."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from mycel_runtime.plugin.context import MessageContext
from mycel_runtime.plugin.event_context import RequestView
from mycel_runtime.plugin.isolation.messages import ProtocolError
from mycel_runtime.plugin.port import ChatPort, RequestPort

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mycel_runtime.plugin.context import Context
    from mycel_runtime.plugin.isolation.messages import Effect, Question


class PortCalls:
    """
    Those of one run.

    Only what the port's protocol names is called, and only as it is meant to be.

    Args:
        context: Whose port it is.
    """

    def __init__(self, context: Context) -> None:
        self._kind, self._port = port_of(context)

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
        declared = getattr(self._kind, call.method, None)
        is_method = inspect.isfunction(declared) and not call.method.startswith("_")
        if not is_method or inspect.iscoroutinefunction(declared) is not is_awaited:
            raise ProtocolError("a plugin's process has asked for what its context has not")
        method = getattr(self._port, call.method)
        try:
            inspect.signature(method).bind(*call.arguments)
        except TypeError:
            raise ProtocolError("a plugin's process has asked for something with other arguments") from None
        return method


def port_of(context: Context) -> tuple[type[Any], Any]:
    """The protocol of a context's port, and the port; of one that has none, `object`, which is asked for nothing."""
    match context:
        case MessageContext(_port=port):
            return ChatPort, port
        case RequestView(_port=port):
            return RequestPort, port
        case _:
            return object, None
