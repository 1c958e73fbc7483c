"""What people register as a handler is run rightly, or refused when it is declared."""

from __future__ import annotations

import functools
import types

import pytest

from mycel_runtime.errors import HandlerIsGeneratorError, PluginError
from mycel_runtime.plugin.callables import finished
from mycel_runtime.plugin.plugin import Plugin


async def coroutine(ctx): ...


def function(ctx): ...


async def with_more(more, ctx): ...


class Callable:
    def __call__(self, ctx): ...

    async def method(self, ctx): ...

    @staticmethod
    async def static(ctx): ...

    @classmethod
    def of_class(cls, ctx): ...


class AsyncCallable:
    async def __call__(self, ctx): ...


def decorated(inner):
    @functools.wraps(inner)
    def around(ctx):
        return inner(ctx)

    return around


def carelessly_decorated(inner):
    def around(ctx):
        return inner(ctx)

    return around


@types.coroutine
def old_coroutine(ctx):
    yield


@pytest.mark.parametrize(
    ("handler", "name", "is_async"),
    [
        (coroutine, "coroutine", True),
        (function, "function", False),
        (functools.partial(with_more, 1), "with_more", True),
        (functools.partial(functools.partial(with_more), 1), "with_more", True),
        (Callable(), "Callable", False),
        (AsyncCallable(), "AsyncCallable", True),
        (Callable().method, "method", True),
        (Callable.static, "static", True),
        (Callable.of_class, "of_class", False),
        (decorated(coroutine), "coroutine", False),
        (carelessly_decorated(coroutine), "around", False),
        (old_coroutine, "old_coroutine", False),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_whatever_can_be_called_with_a_context_is_a_handler(handler, name, is_async):
    plugin = Plugin("p")
    plugin.on_message(handler)

    assert [(each.id, each.is_async) for each in plugin.handlers] == [(f"p.{name}", is_async)]


def generator(ctx):
    yield


async def async_generator(ctx):
    yield


class GeneratorCallable:
    def __call__(self, ctx):
        yield


@pytest.mark.parametrize(
    ("handler", "problem"),
    [
        (generator, "contains yield"),
        (async_generator, "contains yield"),
        (functools.partial(generator), "contains yield"),
        (GeneratorCallable(), "contains yield"),
        (Callable, "is a class"),
        (Callable.method, "must take one argument"),
        (functools.partial(with_more, 1, 2), "must take one argument"),
        (lambda ctx: None, "needs a name"),
        (dict.update, "must take one argument"),
        (5, "cannot be called"),
    ],
)
def test_what_would_not_run_is_refused_at_its_declaration(handler, problem):
    with pytest.raises(PluginError, match=problem):
        Plugin("p").on_message(handler)


def test_a_method_that_is_declared_in_its_class_is_told_to_wait_for_its_object():
    plugin = Plugin("p")

    with pytest.raises(PluginError, match=r"must take one argument(?s:.*)plugin.on_message\(thing.hear\)"):

        class Bot:
            @plugin.on_message
            async def hear(self, ctx): ...


def test_two_decorated_handlers_of_one_name_are_told_how_to_keep_theirs():
    plugin = Plugin("p")
    plugin.on_message(carelessly_decorated(coroutine))

    with pytest.raises(PluginError, match=r"two handlers called 'around'(?s:.*)functools.wraps"):
        plugin.on_message(carelessly_decorated(coroutine))


async def test_what_a_handler_returns_is_awaited_to_the_end():
    steps = []

    async def inner():
        steps.append("inner")

    async def outer():
        steps.append("outer")
        return inner()

    await finished(outer())
    await finished("a text")

    assert steps == ["outer", "inner"]


@pytest.mark.parametrize("made", [generator(None), async_generator(None)])
async def test_a_generator_behind_a_decorator_fails_the_run(made):
    with pytest.raises(HandlerIsGeneratorError):
        await finished(made)
