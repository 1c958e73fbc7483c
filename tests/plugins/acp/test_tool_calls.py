"""What was told of a tool call counts when the agent asks for permission."""

from __future__ import annotations

from mycel_runtime_plugins.acp.tool_calls import ToolCalls

COMMAND = {"title": "make", "kind": "execute", "rawInput": {"command": "make tests"}}


def told(*updates, is_cut=False):
    calls = ToolCalls()
    for update in updates:
        calls.note({"sessionUpdate": "tool_call", "toolCallId": "1", **update}, is_cut=is_cut)
    return calls


def test_what_was_told_before_completes_the_request():
    assert told(COMMAND).completed({"toolCallId": "1"}) == {"toolCallId": "1", **COMMAND}


def test_the_newest_holds_and_null_changes_nothing():
    calls = told(COMMAND, {"sessionUpdate": "tool_call_update", "title": "make it", "kind": None})

    assert calls.completed({"toolCallId": "1", "rawInput": None}) == {
        "toolCallId": "1",
        **COMMAND,
        "title": "make it",
    }


def test_neither_another_call_nor_what_changes_with_each_is_taken():
    calls = told({**COMMAND, "status": "pending", "_meta": {"at": 1}})

    assert calls.completed({"toolCallId": "2"}) == {"toolCallId": "2"}
    assert calls.completed({"toolCallId": "1"}) == {"toolCallId": "1", **COMMAND}


def test_where_its_output_will_be_is_no_part_of_what_it_does():
    """As of codex: a person who allows it would allow another call than the next one."""
    terminal, diff = {"type": "terminal", "terminalId": "1"}, {"type": "diff", "path": "a", "newText": "b"}

    assert told(COMMAND, {"content": [terminal]}).completed({"toolCallId": "1"}) == {
        "toolCallId": "1",
        **COMMAND,
    }
    assert told({"content": [terminal, diff]}).completed({"toolCallId": "1"})["content"] == [diff]


def test_a_call_of_which_something_was_cut_or_too_long_is_not_known_as_a_whole():
    assert told(COMMAND, is_cut=True).completed({"toolCallId": "1", **COMMAND}) is None
    assert told({"content": [{"text": "x" * 20_000}]}, COMMAND).completed({"toolCallId": "1"}) is None


def test_the_oldest_calls_are_forgotten():
    calls = told(COMMAND)
    for number in range(2, 34):
        calls.note({"sessionUpdate": "tool_call", "toolCallId": str(number), **COMMAND}, is_cut=False)

    assert calls.completed({"toolCallId": "1"}) == {"toolCallId": "1"}
    assert calls.completed({"toolCallId": "33"}) == {"toolCallId": "33", **COMMAND}
