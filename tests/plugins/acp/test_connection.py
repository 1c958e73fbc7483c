"""Requests and what comes unasked: in order, and whatever an agent writes."""

from __future__ import annotations

import asyncio
import json

import pytest

from mycel_runtime_plugins.acp.connection import (
    METHOD_NOT_FOUND,
    AnsweredError,
    Connection,
    ConnectionLostError,
)


class Agent:
    """Both ends of a connection, in one test."""

    def __init__(self):
        self.written = []
        self.heard = []
        self.connection = Connection(
            lambda data: self.written.append(json.loads(data)),
            lambda method, params, _: self.heard.append((method, params)),
            lambda method, _: {"ok": True} if method == "known" else METHOD_NOT_FOUND,
        )

    def says(self, *messages):
        for message in messages:
            line = message if isinstance(message, bytes) else json.dumps(message).encode()
            self.connection.feed(line + b"\n")


async def test_an_answer_belongs_to_its_question_and_what_came_before_it_is_known_before():
    agent = Agent()
    first, second = agent.connection.request("a", {}), agent.connection.request("b", {})

    agent.says({"method": "update", "params": {"n": 1}}, {"id": 2, "result": "B"}, {"id": 1, "result": "A"})

    assert agent.heard == [("update", {"n": 1})]
    assert (await first, await second) == ("A", "B")


async def test_what_comes_unasked_is_handled_in_the_order_of_the_pipe_whatever_waits():
    """As it does not in the library: findings/acp-client-updates-overtake-each-other.sh."""
    handled = []
    waiting = asyncio.get_running_loop().create_future()

    def asked(method, _):
        handled.append(method)
        return waiting

    connection = Connection(
        lambda _: handled.append("answered"), lambda _, params, __: handled.append(params["n"]), asked
    )
    update = {"method": "session/update", "params": {"n": 1}}
    question = {"id": 1, "method": "session/request_permission", "params": {}}
    later = {"method": "session/update", "params": {"n": 2}}

    connection.feed(b"".join(json.dumps(each).encode() + b"\n" for each in (update, question, later)))

    assert handled == [1, "session/request_permission", 2]
    waiting.set_result({})


@pytest.mark.parametrize(
    "line",
    [
        b"Debugger listening",
        b"{",
        b"\xff\xfe",
        b"[]",
        b"7",
        b'"x"',
        b"null",
        b"{}",
        b"[" * 100_000,
        b'{"method": 3}',
    ],
)
async def test_a_line_that_is_no_message_is_counted_and_nothing_else(line):
    agent = Agent()
    asked = agent.connection.request("a", {})

    agent.says(line, b"", {"id": 1, "result": "A"})

    assert agent.connection.counts == {"odd_line": 1}
    assert await asked == "A"


@pytest.mark.parametrize("number", [1.0, "1", None, [], 99, True])
async def test_an_answer_to_nothing_is_counted(number):
    agent = Agent()
    agent.connection.request("a", {}).cancel()

    agent.says({"id": number, "result": "A"}, {"id": 1, "result": "late"})

    assert agent.connection.counts["stray_answer"] >= 1


async def test_a_request_of_the_agents_is_answered_and_an_unknown_one_refused():
    agent = Agent()

    agent.says({"id": "x", "method": "known", "params": 3}, {"id": 1, "method": "fs/read_text_file"})

    assert [each.get("result") for each in agent.written] == [{"ok": True}, None]
    assert (agent.written[1]["id"], agent.written[1]["error"]["code"]) == (1, -32601)


@pytest.mark.parametrize(
    ("error", "code"), [({"code": -32000, "message": "key abc"}, -32000), ("odd", 0), ({"code": "x"}, 0)]
)
async def test_an_error_says_its_code_and_never_its_text(error, code):
    agent = Agent()
    asked = agent.connection.request("session/prompt", {})

    agent.says({"id": 1, "error": error})

    with pytest.raises(AnsweredError) as raised:
        await asked
    assert raised.value.code == code
    assert "abc" not in str(raised.value)


async def test_when_the_agent_has_ended_every_question_is_told_so():
    agent = Agent()
    before = agent.connection.request("a", {})

    agent.connection.lose()

    for asked in (before, agent.connection.request("b", {})):
        with pytest.raises(ConnectionLostError):
            await asked


async def test_a_question_that_nobody_answers_in_time_is_given_up():
    agent = Agent()

    with pytest.raises(TimeoutError):
        await agent.connection.call("a", {}, within=0.01)
    agent.says({"id": 1, "result": "late"})
