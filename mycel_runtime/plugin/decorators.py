"""What registers a handler and leaves its function as it is; with options where there are any."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, overload

from mycel_runtime.plugin.subscription import HookSubscription

if TYPE_CHECKING:
    from mycel_runtime.plugin.declaration import Declaration
    from mycel_runtime.plugin.handler_table import HandlerTable
    from mycel_runtime.plugin.subscription import Moment, Subscription

F = TypeVar("F", bound=Callable[..., Any])


class Registrar(Protocol):
    """A decorator that leaves the function as it is."""

    def __call__(self, function: F, /) -> F:
        """Register the function."""


class EventDecorator:
    """
    `@plugin.on_…`, bare or with options.

    Args:
        table: Of the plugin.
        declaration: Of the plugin.
        subscription: What the handlers hear.
    """

    def __init__(self, table: HandlerTable, declaration: Declaration, subscription: Subscription) -> None:
        self._table = table
        self._declaration = declaration
        self._subscription = subscription

    @overload
    def __call__(self, function: F, /) -> F: ...

    @overload
    def __call__(
        self, function: None = None, /, *, timeout: float | None = None, max_attempts: int | None = None
    ) -> Registrar: ...

    def __call__(
        self,
        function: Callable[..., Any] | None = None,
        /,
        *,
        timeout: float | None = None,
        max_attempts: int | None = None,
    ) -> Any:
        """
        Register a handler.

        Args:
            function: When used without parentheses.
            timeout: As of `on_message`.
            max_attempts: As of `on_message`.

        Raises:
            PluginError: An option or the function is not well formed, or the name is taken.
        """
        options = self._declaration.options(timeout=timeout, max_attempts=max_attempts)
        register = self._table.registrar(self._subscription, options)
        return register if function is None else register(function)


class HookDecorator:
    """
    `@plugin.on_start` and `@plugin.on_stop`, bare or with options.

    Args:
        table: Of the plugin.
        declaration: Of the plugin.
        moment: When they are run.
    """

    def __init__(self, table: HandlerTable, declaration: Declaration, moment: Moment) -> None:
        self._table = table
        self._declaration = declaration
        self._moment = moment

    @overload
    def __call__(self, function: F, /) -> F: ...

    @overload
    def __call__(
        self, function: None = None, /, *, order: int = 0, timeout: float | None = None
    ) -> Registrar: ...

    def __call__(
        self,
        function: Callable[..., Any] | None = None,
        /,
        *,
        order: int = 0,
        timeout: float | None = None,
    ) -> Any:
        """
        Register a hook.

        Args:
            function: When used without parentheses.
            order: Among the hooks of all of the agent's plugins: lower ones start earlier, and stop later. Those of
                the same order as they stand in `agent.toml` and in the plugin.
            timeout: Seconds after which it is cancelled, more than 0 and at most a day; by default `[dispatch]
                handler_timeout` at the start, and 10 at the stop.

        Raises:
            PluginError: An option or the function is not well formed, or the name is taken.
        """
        subscription = HookSubscription(moment=self._moment, order=self._declaration.order(order))
        options = self._declaration.options(timeout=timeout)
        register = self._table.registrar(subscription, options)
        return register if function is None else register(function)
