"""What agents print, in its recorded shapes, and what of it is an answer."""

from __future__ import annotations

import json
from typing import Final

import pytest

from mycel_runtime_plugins.child_process import ExitStatus
from mycel_runtime_plugins.command.recipe import AgentAnswer, RecipeError, json_value
from mycel_runtime_plugins.command.recipes import RECIPES

WELL: Final = ExitStatus(code=0)

SESSION: Final = "0b1c2d3e-0000-4000-8000-123456789abc"


def lines(*values):
    return "".join(json.dumps(value) + "\n" for value in values).encode()


def result(**changed):
    """Of claude, and of qwen, whose result is of the same shape."""
    whole = {
        "type": "result",
        "subtype": "success",
        "is_error": False,
        "result": "Hello.",
        "session_id": SESSION,
        "num_turns": 1,
    }
    return whole | changed


def statistics(errors):
    return {"models": {"m": {"api": {"totalRequests": 1, "totalErrors": errors}}}}


def qwen(**changed):
    return json.dumps([{"type": "system", "subtype": "init"}, result(stats=statistics(0)) | changed]).encode()


CODEX: Final = (
    {"type": "thread.started", "thread_id": SESSION},
    {"type": "turn.started"},
    {"type": "item.completed", "item": {"id": "item_0", "type": "agent_message", "text": "Let me see."}},
    {"type": "item.completed", "item": {"id": "item_1", "type": "command_execution", "exit_code": 0}},
    {"type": "item.completed", "item": {"id": "item_2", "type": "agent_message", "text": "Hello."}},
    {"type": "turn.completed", "usage": {"input_tokens": 1}},
)

OPENCODE: Final = (
    {"type": "step_start", "sessionID": "ses_1", "part": {"type": "step-start"}},
    {"type": "text", "sessionID": "ses_1", "part": {"type": "text", "text": "Let me see."}},
    {"type": "step_finish", "sessionID": "ses_1", "part": {"reason": "tool-calls"}},
    {"type": "step_start", "sessionID": "ses_1", "part": {"type": "step-start"}},
    {"type": "text", "sessionID": "ses_1", "part": {"type": "text", "text": "Hel"}},
    {"type": "text", "sessionID": "ses_1", "part": {"type": "text", "text": "lo."}},
    {"type": "step_finish", "sessionID": "ses_1", "part": {"reason": "stop"}},
)

CUT: Final = (*OPENCODE[:-1], {"type": "step_finish", "part": {"reason": "length"}})


@pytest.mark.parametrize(
    ("recipe", "output", "session"),
    [
        ("claude", lines(result()), SESSION),
        ("claude", json.dumps([{"type": "system"}, result()]).encode(), SESSION),
        ("claude", b"A notice [with] {signs}.\n" + lines(result(session_id="--yolo")), None),
        ("qwen", qwen(), SESSION),
        ("gemini", lines({"session_id": SESSION, "response": "Hello.", "stats": statistics(1)}), SESSION),
        ("gemini", lines({"response": "Hello."}), None),
        ("codex", b"Reading prompt from stdin...\n" + lines(*CODEX), SESSION),
        ("opencode", lines(*OPENCODE), "ses_1"),
    ],
)
def test_an_answer_is_the_models_text_and_the_session(recipe, output, session):
    assert RECIPES[recipe].read(output, WELL) == AgentAnswer(text="Hello.", session=session)


def failed(code):
    return ExitStatus(code=code)


@pytest.mark.parametrize(
    ("recipe", "output", "status", "why"),
    [
        ("claude", lines(result(is_error=True, result="an error")), failed(1), "tells of an error"),
        ("claude", lines(result(is_error=True, result="an error")), WELL, "tells of an error"),
        ("claude", lines(result(subtype="error_max_turns")), WELL, "tells of an error"),
        ("claude", lines(result()), failed(1), "exit status 1"),
        ("claude", lines(result(result=" \n")), WELL, "no text"),
        ("claude", lines(result(result=None)), WELL, "no text"),
        ("claude", lines({"type": "assistant"}), WELL, "no result"),
        ("claude", b"Please log in.", WELL, "no JSON"),
        ("claude", b"", WELL, "no JSON"),
        ("claude", lines(result())[:-5], WELL, "no JSON"),
        # Version 0.15 of qwen: all of it says success, but for a number.
        ("qwen", qwen(result="an error", stats=statistics(1)), WELL, "a call of the model has failed"),
        ("qwen", qwen(is_error=True), failed(1), "tells of an error"),
        ("gemini", lines({"error": {"code": 400}}), failed(144), "exit status 144"),
        ("gemini", lines({"response": "half", "error": {"code": 500}}), WELL, "tells of an error"),
        ("gemini", lines({"response": ""}), WELL, "no text"),
        ("gemini", b"", failed(55), "exit status 55"),
        ("codex", lines(*CODEX[:-1], {"type": "turn.failed", "error": {}}), failed(1), "has failed"),
        ("codex", lines(*CODEX[:-1]), WELL, "is not completed"),
        ("codex", lines(*CODEX), ExitStatus(signal=9), "ended by SIGKILL"),
        ("codex", b"", WELL, "is not completed"),
        ("opencode", lines(*OPENCODE[:3]), WELL, "has not stopped by itself"),
        ("opencode", lines(*OPENCODE, {"type": "error", "error": {"name": "APIError"}}), failed(1), "error"),
        ("opencode", lines(*CUT), WELL, "has not stopped by itself"),
    ],
)
def test_whatever_else_is_no_answer_though_it_exits_with_0(recipe, output, status, why):
    with pytest.raises(RecipeError, match=why) as raised:
        RECIPES[recipe].read(output, status)
    assert not raised.value.is_session_unknown


@pytest.mark.parametrize(
    ("recipe", "code"), [("claude", 1), ("codex", 1), ("gemini", 42), ("qwen", 1), ("opencode", 1)]
)
def test_a_session_that_is_not_known_is_told_apart(recipe, code):
    with pytest.raises(RecipeError) as raised:
        RECIPES[recipe].read(b"", failed(code))
    assert raised.value.is_session_unknown


def test_deep_json_is_no_json():
    with pytest.raises(RecipeError, match="no JSON"):
        json_value(b"[" * 100_000)


@pytest.mark.parametrize(
    ("recipe", "session", "arguments"),
    [
        ("claude", None, "-p --output-format json --permission-mode default --model x"),
        ("claude", "s", "-p --output-format json --permission-mode default --model x --resume s"),
        ("codex", None, "exec --json --skip-git-repo-check --sandbox read-only --model x -"),
        ("codex", "s", "exec --json --skip-git-repo-check --sandbox read-only --model x resume s -"),
        ("gemini", "s", "--output-format json --approval-mode default --model x --resume s"),
        ("qwen", "s", "--output-format json --approval-mode default --model x --resume s"),
        ("opencode", None, "run --format json --model x"),
        ("opencode", "s", "run --format json --model x --session s"),
    ],
)
def test_no_text_of_a_chat_is_among_the_arguments(recipe, session, arguments):
    assert RECIPES[recipe].arguments(("--model", "x"), session) == tuple(arguments.split())
