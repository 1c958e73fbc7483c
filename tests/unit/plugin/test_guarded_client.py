"""`ctx.sdk` has every method, asks by name, and leads to no token."""

from __future__ import annotations

import copy
import gc
import inspect
import pickle

import pytest

from mycel_runtime.errors import ArgumentError, GuardedCallError, ReplyNotAwaitedError
from mycel_runtime.plugin.context_run import ContextEndedError, ContextRun
from mycel_runtime.plugin.plain_context import plain_context
from mycel_runtime.plugin.sdk_calls import sdk_calls
from mycel_runtime.plugin.timer_context import TimerContext
from mycel_runtime.sdk import AsyncClient, Client

TOKEN = "a-token-that-nobody-shows"


class Asked:
    """A `SdkPort` that notes what it is asked, and answers with pages."""

    def __init__(self, *pages):
        self.calls = []
        self._pages = list(pages)

    async def call_sdk(self, name, arguments, options):
        self.calls.append((name, tuple(arguments), dict(options)))
        return self._pages.pop(0) if self._pages else {"asked": name}


class Stepping:
    """As in a process of the plugin's own."""

    def wait(self, coroutine):
        try:
            coroutine.send(None)
        except StopIteration as done:
            return done.value
        raise AssertionError


def context_on(port):
    return TimerContext(
        name="t",
        key="",
        data=None,
        due_at=None,
        me="me",
        settings=None,
        log=None,
        deadline=0.0,
        attempt=1,
        _run=ContextRun(sdk=port),
    )


def plain_on(port):
    return plain_context(context_on(port), Stepping())


async def test_a_call_is_asked_for_by_its_name_and_arguments():
    asked = Asked()
    sdk = context_on(asked).sdk

    assert await sdk.chats.get("c") == {"asked": "chats.get"}
    assert await sdk.messages.list("c", limit=5) == {"asked": "messages.list"}
    async with sdk as same:
        assert await same.backend_info() == {"asked": "backend_info"}
    await sdk.aclose()
    assert asked.calls == [
        ("chats.get", ("c",), {}),
        ("messages.list", ("c",), {"limit": 5}),
        ("backend_info", (), {}),
    ]


def test_plain_calls_are_the_same():
    asked = Asked()
    with plain_on(asked).sdk as sdk:
        assert sdk.chats.get("c") == {"asked": "chats.get"}
        assert sdk.backend_info() == {"asked": "backend_info"}
    sdk.close()
    assert [name for name, *_ in asked.calls] == ["chats.get", "backend_info"]


PAGES = ([{"seq": 2, "id": "b"}, {"seq": 3, "id": "c"}], [{"seq": 1, "id": "a"}], [])


async def test_a_walk_is_made_of_calls():
    asked = Asked(*PAGES)
    sdk = context_on(asked).sdk
    assert [message["id"] for message in await sdk.messages.list_all("c", page_size=2)] == ["a", "b", "c"]
    assert [options["before"] for _, _, options in asked.calls] == [None, "2", "1"]
    plain = plain_on(Asked(*PAGES)).sdk
    assert [message["id"] for message in plain.messages.iterate("c")] == ["c", "b", "a"]


@pytest.mark.parametrize(("kind", "make"), [(AsyncClient, context_on), (Client, plain_on)])
def test_every_method_is_there_with_its_signature(kind, make):
    client, sdk = kind(base_url="http://localhost:1", auth_token="t"), make(Asked()).sdk
    for group in dir(sdk):
        theirs, ours = getattr(client, group), getattr(sdk, group)
        if group == "backend_info" or group.startswith("_"):
            continue
        if not hasattr(theirs, "_driver"):
            continue
        names = [name for name in dir(theirs) if not name.startswith("_")]
        assert dir(ours) == names
        for name in names:
            declared = inspect.signature(getattr(type(theirs), name))
            assert (
                list(inspect.signature(getattr(ours, name)).parameters)
                == [each for each in declared.parameters if each != "self"]
                or name == "stream"
            )


@pytest.mark.parametrize("make", [context_on, plain_on])
async def test_what_is_refused_is_never_asked(make):
    asked = Asked()
    sdk = make(asked).sdk
    for call in (
        lambda: sdk.messages.read("c"),
        lambda: sdk.messages.mark_read("c"),
        sdk.notifications.drain,
        sdk.notifications.stream,
        lambda: sdk.auth.login("a", "b"),
        lambda: sdk.use_token("t"),
        lambda: sdk.call,
        lambda: sdk.pace,
    ):
        with pytest.raises(GuardedCallError):
            call()
    assert not hasattr(sdk.messages, "forget")
    assert not hasattr(sdk, "forget")
    assert asked.calls == []


@pytest.mark.parametrize("make", [context_on, plain_on])
def test_what_no_server_would_take_is_refused_as_by_the_client(make):
    sdk = make(Asked()).sdk
    for call in (
        lambda: sdk.chats.create(["a"], kind="crowd"),
        lambda: sdk.messages.send("c", "\0"),
    ):
        with pytest.raises(ValueError, match=r"kind|NUL|hold"):
            call()
    with pytest.raises(TypeError):
        sdk.chats.get()


async def test_a_send_that_nobody_awaits_has_failed():
    context = context_on(Asked())
    context.sdk.messages.send("c", "hello")
    with pytest.raises(ReplyNotAwaitedError):
        context.require_awaited()


async def test_it_ends_with_its_run():
    context = context_on(asked := Asked())
    sdk = context.sdk
    context.end()
    with pytest.raises(ContextEndedError):
        await sdk.chats.list()
    assert asked.calls == []


async def test_without_a_server_it_says_how_to_test():
    with pytest.raises(ArgumentError, match="fixture `mycel`"):
        await context_on(None).sdk.chats.list()


def attributes(thing):
    """Everything that attributes of it lead to, without what closures hide."""
    found, todo = {}, [thing]
    while todo:
        each = todo.pop()
        if id(each) in found or isinstance(each, type | type(inspect)):
            continue
        found[id(each)] = each
        slots = [name for kind in type(each).__mro__ for name in getattr(kind, "__slots__", ())]
        names = [*vars(each)] if hasattr(each, "__dict__") else []
        for name in (*names, *slots, "__self__", "__func__", "__wrapped__", "args", "keywords"):
            todo.append(inspect.getattr_static(each, name, None))
            try:
                todo.append(object.__getattribute__(each, name))
            except AttributeError:
                continue
        if isinstance(each, dict):
            todo += [*each, *each.values()]
        if isinstance(each, list | tuple | set | frozenset):
            todo += each
    return found.values()


@pytest.mark.parametrize("make", [context_on, plain_on])
async def test_nothing_that_it_leads_to_is_the_token(make):
    async with AsyncClient(base_url="http://localhost:1", auth_token=TOKEN) as client:
        sdk = make(sdk_calls(client, me="me")).sdk
        things = (sdk, sdk.chats, sdk.chats.get, sdk.messages)
        reached = [each for thing in things for each in attributes(thing)]
        assert not [each for each in reached if isinstance(each, str | bytes) and TOKEN in str(each)]
        assert client not in [each for each in reached if isinstance(each, AsyncClient)]
        for thing in things[:2]:
            assert TOKEN not in repr(thing)
            assert "localhost" not in repr(thing)
            for copied in (pickle.dumps, copy.copy, copy.deepcopy):
                with pytest.raises(TypeError, match=r"ctx\.sdk"):
                    copied(thing)
    gc.collect()
