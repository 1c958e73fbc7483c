"""The handlers of one plugin, each under a name of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from mycel_runtime.errors import PluginError
from mycel_runtime.journal.ids import HandlerId
from mycel_runtime.plugin.callables import is_coroutine_function, is_method_of_no_object, name_of, problem_of
from mycel_runtime.plugin.handler import Handler

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mycel_runtime.plugin.handler import HandlerOptions
    from mycel_runtime.plugin.subscription import AnswerSubscription, Subscription, TimerSubscription

F = TypeVar("F", bound=Callable[..., Any])


class HandlerTable:
    """
    What the decorators of a plugin write into.

    Args:
        plugin: Its name.
    """

    def __init__(self, plugin: str) -> None:
        self._plugin = plugin
        self._handlers: dict[HandlerId, Handler] = {}

    @property
    def handlers(self) -> tuple[Handler, ...]:
        """In the order of their declaration."""
        return tuple(self._handlers.values())

    def adopt(self, handlers: Iterable[Handler]) -> None:
        """Add handlers that were declared elsewhere."""
        self._handlers.update((handler.id, handler) for handler in handlers)

    def registrar(self, subscription: Subscription, options: HandlerOptions) -> Callable[[F], F]:
        """What registers a function for this subscription, and leaves it as it is."""

        def register(function: F) -> F:
            return self.register(function, subscription, options)

        return register

    def named(
        self, subscription: TimerSubscription | AnswerSubscription, noun: str, options: HandlerOptions
    ) -> Callable[[F], F]:
        """
        As `registrar`, of what calls one handler by its name.

        Raises:
            PluginError: There is one already, be it that the decorator is used twice.
        """
        self._require_unhandled(subscription, noun)

        def register(function: F) -> F:
            # One decorator may be used twice.
            self._require_unhandled(subscription, noun)
            return self.register(function, subscription, options)

        return register

    def register(self, function: F, subscription: Subscription, options: HandlerOptions) -> F:
        """
        Add a handler.

        Raises:
            PluginError: The function is not well formed, or its name is taken.
        """
        name = name_of(function)
        handler_id = HandlerId(f"{self._plugin}.{name}")
        if (problem := problem_of(function)) is not None:
            raise PluginError(f"plugin {self._plugin!r}: handler {name!r} {problem}", fix=_form_of(function))
        if handler_id in self._handlers:
            raise PluginError(
                f"plugin {self._plugin!r} has two handlers called {name!r}",
                fix="Rename one of them; a decorator keeps its function's name by functools.wraps.",
            )
        self._handlers[handler_id] = Handler(
            id=handler_id,
            function=function,
            subscription=subscription,
            is_async=is_coroutine_function(function),
            **options,
        )
        return function

    def _require_unhandled(self, subscription: TimerSubscription | AnswerSubscription, noun: str) -> None:
        if any(handler.subscription == subscription for handler in self.handlers):
            raise PluginError(
                f"plugin {self._plugin!r} has two handlers of the {noun} {subscription.name!r}",
                fix=f"A {noun} calls one: let it do both.",
            )


def _form_of(function: Any) -> str:
    if is_method_of_no_object(function):
        return (
            "In its class a method has no object yet. Make one, and declare its method below the class:"
            f" plugin.on_message(thing.{name_of(function)})."
        )
    return "Declare it as: async def name(ctx): …"
