"""One source makes the contexts: whatever one of them has, its counterpart has."""

from __future__ import annotations

import dataclasses
import inspect

import pytest

from mycel_runtime.plugin.chats import Chats
from mycel_runtime.plugin.event_context import event_context
from mycel_runtime.plugin.plain_context import PLAIN, SyncChats, plain_context
from mycel_runtime.plugin.port import ChatPort, RequestPort, RunPort, SdkPort

PAIRS = sorted(PLAIN.items(), key=lambda pair: pair[0].__name__)

NAMESPACES = {"chats": (Chats, SyncChats)}
"""Objects that group what a context can do."""


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
    for name in public(context) - NAMESPACES.keys() - {"sdk"}:  # see test_guarded_client
        method = inspect.getattr_static(context, name)
        if "Coroutine" in str(getattr(method, "__annotations__", {}).get("return")) or (
            inspect.iscoroutinefunction(method)
        ):
            assert getattr(plain, name) is method
        else:
            assert inspect.getattr_static(plain, name) is method or inspect.ismemberdescriptor(method)


@pytest.mark.parametrize(("awaited", "plain"), NAMESPACES.values(), ids=NAMESPACES)
def test_what_a_context_groups_is_derived_in_its_plain_counterpart_too(awaited, plain):
    assert public(plain) == public(awaited)
    for name in public(awaited):
        assert getattr(plain, name) is inspect.getattr_static(awaited, name)


SECRET = "what somebody has written"


@pytest.mark.parametrize("kind", ["frame", "relationship", "join_request", "chat", "workflow_event"])
def test_a_repr_shows_nothing_of_what_others_have_written(kind):
    row = {"id": "r", "message": SECRET, "state": "pending", "metadata": {"text": SECRET}}
    context = event_context(
        kind,
        row,
        None,
        event_type="x",
        metadata={"summary": SECRET},
        me="me",
        settings=None,
        log=None,
        deadline=1.0,
        attempt=1,
    )

    assert SECRET not in repr(context) + repr(plain_context(context, None))
    assert "event_type='x'" in repr(context)


@pytest.mark.parametrize(
    ("relationship_id", "other"),
    [("hire_visit:a:me", "a"), ("hire_visit:me:you", "you"), ("hire_visit:me:x:y", "x:y"), ("", "")],
)
def test_of_a_relationship_that_is_gone_its_id_tells_who_it_was(relationship_id, other):
    context = event_context(
        "relationship",
        None,
        None,
        event_type="relationship.changed",
        metadata={"relationship_id": relationship_id},
        me="me",
        settings=None,
        log=None,
        deadline=1.0,
        attempt=1,
    )

    assert (context.other_user_id, context.state, context.is_open) == (other, "none", False)


@pytest.mark.parametrize("kind", [SdkPort, RunPort, ChatPort, RequestPort], ids=lambda kind: kind.__name__)
def test_every_method_of_a_port_can_be_carried_to_another_process(kind):
    """By place, and without a default: what is carried is a name and a list."""
    for name in public(kind):
        parameters = list(inspect.signature(getattr(kind, name)).parameters.values())[1:]
        assert all(
            each.default is each.empty and each.kind == each.POSITIONAL_OR_KEYWORD for each in parameters
        )
