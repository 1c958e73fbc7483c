"""The plain names are the awaited ones."""

from __future__ import annotations

import inspect

import pytest

from mycel_runtime.testing import Agent, Mycel, Person, SyncAgent, SyncMycel, SyncPerson

INNER = {
    Mycel: {"ask", "await_found", "chat", "chat_of", "revision", "type_of"},
    Person: {"token"},
    Agent: {"hears_messages", "is_hearing", "look", "require_well", "wake", "work"},
}
"""What is not for tests, or what the plain ones have in another way."""


def members(kind):
    return {
        name: member
        for name, member in vars(kind).items()
        if not name.startswith("_") and (inspect.isfunction(member) or isinstance(member, property))
    }


def parameters(function):
    return [
        (parameter.name, parameter.kind, parameter.default)
        for parameter in inspect.signature(function).parameters.values()
    ]


@pytest.mark.parametrize(("awaited", "plain"), [(Mycel, SyncMycel), (Person, SyncPerson), (Agent, SyncAgent)])
def test_both_have_the_same_names_with_the_same_arguments(awaited, plain):
    ours, theirs = members(plain), members(awaited)
    assert theirs.keys() - INNER[awaited] <= ours.keys()
    for name in ours.keys() & theirs.keys():
        if inspect.isfunction(ours[name]):
            assert not inspect.iscoroutinefunction(ours[name])
            assert parameters(ours[name]) == parameters(theirs[name]), name
