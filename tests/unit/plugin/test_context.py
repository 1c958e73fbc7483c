"""One source makes the contexts: whatever one of them has, its counterpart has."""

from __future__ import annotations

import dataclasses
import inspect

import pytest

from mycel_runtime.plugin.plain_context import PLAIN
from mycel_runtime.plugin.port import ChatPort

PAIRS = sorted(PLAIN.items(), key=lambda pair: pair[0].__name__)


def public(kind):
    return {name for name in dir(kind) if not name.startswith("_")}


@pytest.mark.parametrize(("context", "plain"), PAIRS, ids=lambda kind: kind.__name__)
def test_the_plain_counterpart_has_the_same_names(context, plain):
    assert plain.__name__ == f"Sync{context.__name__}"
    assert public(plain) == public(context)


@pytest.mark.parametrize(("context", "plain"), PAIRS, ids=lambda kind: kind.__name__)
def test_the_plain_counterpart_shows_the_same(context, plain):
    shown = {each.name: each.type for each in dataclasses.fields(context)}
    also = {each.name: each.type for each in dataclasses.fields(plain)}
    assert also == shown | {"_awaited": context.__name__, "_waiting": "Waiting"}


@pytest.mark.parametrize(("context", "plain"), PAIRS, ids=lambda kind: kind.__name__)
def test_what_is_awaited_in_one_is_derived_in_the_other_and_the_rest_is_shared(context, plain):
    """A method that somebody writes for one of them only would make the two drift apart."""
    for name in public(context):
        method = inspect.getattr_static(context, name)
        if "Coroutine" in str(getattr(method, "__annotations__", {}).get("return")) or (
            inspect.iscoroutinefunction(method)
        ):
            assert getattr(plain, name) is method
        else:
            assert inspect.getattr_static(plain, name) is method or inspect.ismemberdescriptor(method)


def test_every_method_of_a_port_can_be_carried_to_another_process():
    """By place, and without a default: what is carried is a name and a list."""
    for name in public(ChatPort):
        parameters = list(inspect.signature(getattr(ChatPort, name)).parameters.values())[1:]
        assert all(
            each.default is each.empty and each.kind == each.POSITIONAL_OR_KEYWORD for each in parameters
        )
