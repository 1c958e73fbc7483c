"""
How a function that makes a `Call` becomes a method, in either colour.

The signature and the docstring are written once, in `calls`; `blocking` and `awaiting` differ in what they return.
"""

from __future__ import annotations

import functools
import inspect
from types import MethodType
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, Protocol, TypeVar, overload

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from mycel_runtime.sdk.calls import Call

P = ParamSpec("P")
T = TypeVar("T")
R = TypeVar("R")


class BlockingDriver(Protocol):
    """Carries out calls and blocks until they are answered."""

    def call(self, call: Call[T]) -> T:
        """The call's result."""


class AwaitingDriver(Protocol):
    """Carries out calls on the event loop."""

    async def call(self, call: Call[T]) -> T:
        """The call's result."""


class BlockingGroup:
    """A resource group of `Client`."""

    def __init__(self, driver: BlockingDriver) -> None:
        self._driver = driver


class AwaitingGroup:
    """A resource group of `AsyncClient`."""

    def __init__(self, driver: AwaitingDriver) -> None:
        self._driver = driver


class blocking(Generic[P, T]):  # noqa: N801 - reads as the decorator that it is
    """A method of a `BlockingGroup` that carries out what `endpoint` makes."""

    def __init__(self, endpoint: Callable[P, Call[T]]) -> None:
        self._endpoint = endpoint

    def __set_name__(self, owner: type[Any], name: str) -> None:
        self._name = name

    @overload
    def __get__(self, group: None, owner: type[Any]) -> Callable[P, Call[T]]: ...

    @overload
    def __get__(self, group: BlockingGroup, owner: type[Any]) -> Callable[P, T]: ...

    def __get__(self, group: BlockingGroup | None, owner: type[Any]) -> Callable[P, Any]:
        if group is None:
            return self._endpoint
        method = MethodType(self._method, group._driver)  # noqa: SLF001 - a descriptor is part of the class it stands in
        group.__dict__[self._name] = method  # found there from now on, before this
        return method

    @functools.cached_property
    def _method(self) -> Callable[..., T]:
        endpoint = self._endpoint

        def method(driver: BlockingDriver, /, *args: P.args, **kwargs: P.kwargs) -> T:
            return driver.call(endpoint(*args, **kwargs))

        return _as_method_of_a_driver(method, endpoint)


class awaiting(Generic[P, T]):  # noqa: N801 - as blocking
    """A method of an `AwaitingGroup` that carries out what `endpoint` makes."""

    def __init__(self, endpoint: Callable[P, Call[T]]) -> None:
        self._endpoint = endpoint

    def __set_name__(self, owner: type[Any], name: str) -> None:
        self._name = name

    @overload
    def __get__(self, group: None, owner: type[Any]) -> Callable[P, Call[T]]: ...

    @overload
    def __get__(self, group: AwaitingGroup, owner: type[Any]) -> Callable[P, Awaitable[T]]: ...

    def __get__(self, group: AwaitingGroup | None, owner: type[Any]) -> Callable[P, Any]:
        if group is None:
            return self._endpoint
        method = MethodType(self._method, group._driver)  # noqa: SLF001 - as above
        group.__dict__[self._name] = method  # as above
        return method

    @functools.cached_property
    def _method(self) -> Callable[..., Awaitable[T]]:
        endpoint = self._endpoint

        async def method(driver: AwaitingDriver, /, *args: P.args, **kwargs: P.kwargs) -> T:
            return await driver.call(endpoint(*args, **kwargs))

        return _as_method_of_a_driver(method, endpoint)


def _as_method_of_a_driver(method: Callable[..., R], endpoint: Callable[..., Any]) -> Callable[..., R]:
    """One function for all clients, which says of itself what `endpoint` does."""
    functools.update_wrapper(method, endpoint)
    signature = inspect.signature(endpoint)
    driver = inspect.Parameter("driver", inspect.Parameter.POSITIONAL_ONLY)
    method.__signature__ = signature.replace(parameters=[driver, *signature.parameters.values()])  # type: ignore[attr-defined]  # as the library's own wrappers have it
    return method
