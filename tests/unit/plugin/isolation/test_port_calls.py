"""What a plugin's process asks for is what its context's port has, and nothing else."""

from __future__ import annotations

import pytest

from mycel_runtime.plugin.frame_context import FrameContext
from mycel_runtime.plugin.isolation.messages import Effect, ProtocolError, Question
from mycel_runtime.plugin.isolation.port_calls import PortCalls
from mycel_runtime.plugin.message_context import MessageContext

COMMON = {"me": "me", "settings": None, "log": None, "deadline": 0.0, "attempt": 1}


class Port:
    """Remembers what it is asked."""

    def __init__(self):
        self.asked = []

    async def history(self, limit, before):
        self.asked.append(limit)
        return [limit]

    async def close(self):
        raise AssertionError("no method of a port")

    def withdraw(self):
        self.asked.append("withdraw")


@pytest.fixture
def port():
    return Port()


@pytest.fixture
def calls(port):
    return PortCalls(
        MessageContext(**COMMON, messages=(), chat_id="c", chat_type="", guard=None, unsaid=(), _port=port)
    )


async def test_what_there_is_is_done(port, calls):
    assert await calls.call(Question(run="r", method="history", arguments=(5, None))) == [5]
    calls.take_effect([Effect(method="withdraw", arguments=())])
    assert port.asked == [5, "withdraw"]


@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        ("close", ()),  # the port's own, and not its protocol's
        ("nothing", ()),
        ("__class__", ()),
        ("__init__", ()),
        ("register", ()),
        ("history", ()),
        ("history", (1, 2, 3)),
        ("withdraw", ()),  # which is not to be waited for
    ],
)
async def test_what_there_is_not_is_refused(port, calls, method, arguments):
    with pytest.raises(ProtocolError):
        await calls.call(Question(run="r", method=method, arguments=arguments))
    assert port.asked == []


def test_what_is_to_be_waited_for_takes_no_effect_at_the_end(port, calls):
    with pytest.raises(ProtocolError):
        calls.take_effect([Effect(method="history", arguments=(5,))])
    assert port.asked == []


async def test_what_every_context_has_is_asked_for_beside_its_own(port):
    class Runtime:
        async def direct(self, user_id):
            return f"with {user_id}"

    messages = MessageContext(
        **COMMON,
        messages=(),
        chat_id="c",
        chat_type="",
        guard=None,
        unsaid=(),
        _port=port,
        _runtime=Runtime(),
    )
    for context in (messages, FrameContext(**COMMON, event_type="x", metadata={}, _runtime=Runtime())):
        asked = Question(run="r", method="direct", arguments=("u",))
        assert await PortCalls(context).call(asked) == "with u"


async def test_a_context_without_a_port_is_asked_for_nothing():
    calls = PortCalls(FrameContext(**COMMON, event_type="x", metadata={}))
    for method in ("history", "__init__", "__init_subclass__"):
        with pytest.raises(ProtocolError):
            await calls.call(Question(run="r", method=method, arguments=()))
