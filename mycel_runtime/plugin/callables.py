"""
What people register as a handler: functions, methods, partials, objects that can be called, decorated or not.

Told at the declaration what could only fail later: what takes no context, and what would not run when it is called.
"""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Any

from mycel_runtime.errors import HandlerIsGeneratorError

if TYPE_CHECKING:
    from collections.abc import Callable


def name_of(function: Callable[..., Any]) -> str:
    """Its name; of a partial its function's, of an object that can be called its class's."""
    while isinstance(function, functools.partial):
        function = function.func
    name = getattr(function, "__name__", None)
    return name if isinstance(name, str) else type(function).__name__


def is_coroutine_function(function: Callable[..., Any]) -> bool:
    """Whether calling it is known to run nothing yet, and to block nobody: the result is to be awaited."""
    return inspect.iscoroutinefunction(_code_of(function))


def problem_of(function: Callable[..., Any]) -> str | None:
    """Why it cannot be a handler; `None`: it can."""
    if not callable(function):
        return f"is {type(function).__name__}, which cannot be called"
    if inspect.isclass(function):
        return "is a class: calling it would run nothing but __init__"
    if not name_of(function).isidentifier():
        return "needs a name of its own, on which its place in each chat hangs"
    code = _code_of(function)
    if inspect.isasyncgenfunction(code) or (
        inspect.isgeneratorfunction(code) and not _is_old_coroutine(code)
    ):
        return "is a generator (it contains yield), whose body would not run when it is called"
    try:
        inspect.signature(function).bind(object())
    except (TypeError, ValueError) as exc:
        return f"must take one argument, the context ({exc})"
    return None


def is_method_of_no_object(function: Callable[..., Any]) -> bool:
    """Whether it stands in the body of its class: nobody would give it its object."""
    return inspect.isfunction(function) and next(iter(inspect.signature(function).parameters), "") == "self"


def is_unfinished(result: Any) -> bool:
    """Whether what a handler has returned must be awaited, or is the start of something that nobody goes on with."""
    return inspect.isawaitable(result) or inspect.isgenerator(result) or inspect.isasyncgen(result)


async def finished(result: Any) -> None:
    """
    Await what a handler has returned, for as long as there is something to await.

    Raises:
        HandlerIsGeneratorError: It is the start of something that nobody will go on with.
    """
    while inspect.isawaitable(result):
        result = await result
    if is_unfinished(result):
        raise HandlerIsGeneratorError


def _code_of(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function whose body is run first, when it is called."""
    while isinstance(function, functools.partial):
        function = function.func
    if inspect.isroutine(function):
        return function
    call: Callable[..., Any] = type(function).__call__
    return call


def _is_old_coroutine(function: Callable[..., Any]) -> bool:
    """A generator that `types.coroutine` has made awaitable."""
    code = getattr(function, "__code__", None)
    return code is not None and bool(code.co_flags & inspect.CO_ITERABLE_COROUTINE)
