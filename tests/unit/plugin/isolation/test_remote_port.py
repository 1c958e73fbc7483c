"""The port of a context in its plugin's own process."""

from __future__ import annotations

import asyncio
import threading

import pytest

from mycel_runtime.plugin.isolation.messages import Effect, Question
from mycel_runtime.plugin.isolation.remote_port import RemotePort, WaitingInProcess
from mycel_runtime.plugin.port import ChatPort


class Line:
    """Answers each question with itself, when it is told to."""

    def __init__(self):
        self.asked, self.may_answer = [], threading.Event()

    def ask(self, question):
        self.asked.append(question)
        assert self.may_answer.wait(30)
        return question.method


@pytest.fixture
def line():
    line = Line()
    line.may_answer.set()
    return line


def test_a_plain_call_is_answered_before_it_returns(line):
    port = RemotePort(ChatPort, "r", line.ask, is_blocking=True)

    assert WaitingInProcess(port).wait(port.history(5, None)) == "history"
    assert line.asked == [Question(run="r", method="history", arguments=(5, None))]


def test_what_awaits_nothing_takes_effect_at_the_end(line):
    port = RemotePort(ChatPort, "r", line.ask, is_blocking=True)

    assert port.withdraw() is None
    assert (line.asked, port.effects) == ([], [Effect(method="withdraw", arguments=())])


def test_what_no_port_has_is_no_call(line):
    port = RemotePort(ChatPort, "r", line.ask, is_blocking=True)

    with pytest.raises(AttributeError):
        _ = port.approve


async def test_a_function_that_returned_a_coroutine_awaits_its_calls(line):
    port = RemotePort(ChatPort, "r", line.ask, is_blocking=True)
    waiting = WaitingInProcess(port)
    waiting.go_on_awaited()

    assert await waiting.wait(port.members()) == "members"


async def test_a_reply_that_nobody_waits_for_goes_on_and_the_same_words_wait_for_it():
    line = Line()
    port = RemotePort(ChatPort, "r", line.ask, is_blocking=False)
    for call in (lambda: port.reply("one", ()), lambda: port.history(5, None)):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(call(), 0.01)
    line.may_answer.set()

    assert await port.reply("one", ()) == "reply"
    assert await port.history(5, None) == "history"
    assert sorted(question.method for question in line.asked) == ["history", "history", "reply"]


def test_a_method_that_waits_for_anything_else_is_a_mistake_of_ours(line):
    async def wait():
        await asyncio.sleep(0)

    with pytest.raises(AssertionError, match="something else than its port"):
        WaitingInProcess(RemotePort(ChatPort, "r", line.ask, is_blocking=True)).wait(wait())
