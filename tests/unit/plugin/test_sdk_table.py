"""Each method of the SDK's clients is in exactly one class of what becomes of it within a plugin."""

from __future__ import annotations

import inspect

import pytest

from mycel_runtime.errors import ArgumentError, GuardedCallError
from mycel_runtime.plugin.sdk_table import (
    CLOSING,
    OURS,
    PASSING,
    READING,
    REFUSED,
    SEND,
    WALKS,
    require_allowed,
)
from mycel_runtime.sdk import AsyncClient, Client
from mycel_runtime.sdk.method import AwaitingGroup, BlockingGroup


def public(thing):
    return [name for name in dir(thing) if not name.startswith("_")]


def calls_of(client):
    """Names of everything public that a client has, and its groups have."""
    for name in public(client):
        value = getattr(client, name)
        if isinstance(value, AwaitingGroup | BlockingGroup):
            yield from (f"{name}.{each}" for each in public(value))
        else:
            yield name


@pytest.mark.parametrize("kind", [AsyncClient, Client])
def test_every_method_is_in_exactly_one_class(kind):
    client = kind(base_url="http://localhost:1", auth_token="t")
    classes = (PASSING, OURS, REFUSED.keys())
    assert READING < PASSING

    found = {call: sum(call in each for each in classes) for call in calls_of(client)}

    assert {call: count for call, count in found.items() if count != 1} == {}
    other = {"close", "aclose"} - set(public(client))
    assert set().union(*classes) - found.keys() == other


def test_what_passes_moves_no_cursor_and_takes_nothing():
    """By what is known of each call: reads are plain GETs, and no send is among them."""
    client = AsyncClient(base_url="http://localhost:1", auth_token="t")
    for call in PASSING - {"backend_info"}:
        group, name = call.split(".")
        endpoint = getattr(type(getattr(client, group)), name)
        arguments = {
            parameter.name: "x"
            for parameter in inspect.signature(endpoint).parameters.values()
            if parameter.default is parameter.empty
        }
        made = endpoint(**arguments)
        assert not made.is_send
        assert not made.is_told_once
        assert not made.path.endswith(("/read", "/drain"))
        assert made.is_authenticated


def test_what_is_refused_says_what_to_call_instead():
    for call in REFUSED:
        with pytest.raises(GuardedCallError) as refused:
            require_allowed(call)
        assert isinstance(refused.value, ArgumentError)
        assert call in refused.value.problem
        assert refused.value.fix.endswith(".")


def test_what_nobody_has_classified_is_refused():
    with pytest.raises(GuardedCallError, match="nobody has looked"):
        require_allowed("messages.forget")
    for call in (SEND, *WALKS, *CLOSING, *PASSING):
        require_allowed(call)
