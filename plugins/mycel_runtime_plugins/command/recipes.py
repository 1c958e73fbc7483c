"""The recipes. Pure. What was seen of each agent, with its version, stands in the page of the plugin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from mycel_runtime_plugins.command.recipe import (
    AgentAnswer,
    Recipe,
    RecipeError,
    answer,
    json_lines,
    json_value,
    part,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mycel_runtime_plugins.child_process import ExitStatus

_GEMINI_UNUSABLE_INPUT: Final = 42
"""Of gemini: the session is not known, as far as its input can be wrong here."""


def read_claude(output: bytes, status: ExitStatus) -> AgentAnswer:
    """
    `claude -p --output-format json`: one object, or with `--verbose` an array whose last one it is.

    Source: an error of the model is `is_error`, with the error as `result`; an unknown session is an exit with 1 and
    no output at all.
    """
    _require_word(output, status)
    return _result(json_value(output), status)


def read_qwen(output: bytes, status: ExitStatus) -> AgentAnswer:
    """
    `qwen --output-format json`: an array whose last one is the result.

    Source: version 0.15 exits with 0 and calls an error of the model a success, with the error as `result`; it stands
    in the statistics only. So nothing is taken from a run in which a call of the model has failed.
    """
    _require_word(output, status)
    found = json_value(output)
    result = _last_result(found)
    if any(_count(part(model, "api", "totalErrors")) for model in _models(result)):
        raise RecipeError("a call of the model has failed")
    return _result(found, status)


def read_gemini(output: bytes, status: ExitStatus) -> AgentAnswer:
    """
    `gemini --output-format json`: one object.

    Source: it exits with an HTTP status modulo 256, with 42 for a session that it does not know, with 41 without a
    login and with 55 in a folder that is not trusted.
    """
    if status.code != 0:
        raise RecipeError(str(status), is_session_unknown=status.code == _GEMINI_UNUSABLE_INPUT)
    found = json_value(output)
    if part(found, "error") is not None:
        raise RecipeError("the agent tells of an error")
    return answer(part(found, "response"), part(found, "session_id"))


def read_codex(output: bytes, status: ExitStatus) -> AgentAnswer:
    """`codex exec --json`: events; the last message of a turn that is completed. What comes before is progress."""
    _require_word(output, status)
    text, session, is_completed = None, None, False
    for event in json_lines(output):
        match event.get("type"):
            case "thread.started":
                session = event.get("thread_id")
            case "turn.started":
                text, is_completed = None, False
            case "item.completed" if part(event, "item", "type") == "agent_message":
                text = part(event, "item", "text")
            case "turn.completed":
                is_completed = True
            case "turn.failed":
                raise RecipeError(f"the agent's turn has failed ({status})")
            case _:
                pass
    _require_success(status)
    if not is_completed:
        raise RecipeError("the agent's turn is not completed")
    return answer(text, session)


def read_opencode(output: bytes, status: ExitStatus) -> AgentAnswer:
    """`opencode run --format json`: events; the texts of the last step, if it has stopped by itself."""
    _require_word(output, status)
    texts: list[str] = []
    session, reason = None, None
    for event in json_lines(output):
        session = event.get("sessionID", session)
        match event.get("type"):
            case "step_start":
                texts, reason = [], None
            case "text":
                texts.append(str(part(event, "part", "text") or ""))
            case "step_finish":
                reason = part(event, "part", "reason")
            case "error":
                raise RecipeError(f"the agent tells of an error ({status})")
            case _:
                pass
    _require_success(status)
    if reason != "stop":
        raise RecipeError("the agent's turn has not stopped by itself")
    return answer("".join(texts), session)


RECIPES: Final[Mapping[str, Recipe]] = {
    "claude": Recipe(
        program="claude",
        install="npm install --global @anthropic-ai/claude-code",
        start=("-p", "--output-format", "json", "--permission-mode", "default"),
        resuming=("--resume", "{}"),
        passing=("ANTHROPIC_*", "CLAUDE_CONFIG_DIR", "CLAUDE_CODE_OAUTH_TOKEN"),
        read=read_claude,
    ),
    "codex": Recipe(
        program="codex",
        install="npm install --global @openai/codex",
        # Each chat has a folder of its own, which is no checkout; without this it would refuse to begin.
        start=("exec", "--json", "--skip-git-repo-check", "--sandbox", "read-only"),
        resuming=("resume", "{}", "-"),
        beginning=("-",),
        passing=("OPENAI_*", "CODEX_*"),
        read=read_codex,
    ),
    "gemini": Recipe(
        program="gemini",
        install="npm install --global @google/gemini-cli",
        start=("--output-format", "json", "--approval-mode", "default"),
        resuming=("--resume", "{}"),
        passing=("GEMINI_*", "GOOGLE_*"),
        # The folder is the chat's own and holds nothing but what the agent has written.
        variables={"GEMINI_CLI_TRUST_WORKSPACE": "true"},
        read=read_gemini,
    ),
    "qwen": Recipe(
        program="qwen",
        install="npm install --global @qwen-code/qwen-code",
        start=("--output-format", "json", "--approval-mode", "default"),
        resuming=("--resume", "{}"),
        passing=("OPENAI_*", "DASHSCOPE_*", "QWEN_*"),
        read=read_qwen,
    ),
    "opencode": Recipe(
        program="opencode",
        install="npm install --global opencode-ai",
        start=("run", "--format", "json"),
        resuming=("--session", "{}"),
        passing=("OPENCODE_*", "ANTHROPIC_*", "OPENAI_*", "GEMINI_*", "OPENROUTER_*"),
        # Without a word it runs the shell unasked.
        variables={"OPENCODE_PERMISSION": '{"*": "deny"}'},
        read=read_opencode,
    ),
}
"""By the word in the settings."""


def _result(found: Any, status: ExitStatus) -> AgentAnswer:
    """Of the two whose output ends with an object that calls itself the result."""
    result = _last_result(found)
    if result.get("is_error") is not False or result.get("subtype") != "success":
        raise RecipeError(f"the agent tells of an error ({status})")
    _require_success(status)
    return answer(result.get("result"), result.get("session_id"))


def _last_result(found: Any) -> dict[str, Any]:
    results = [
        each for each in (found if isinstance(found, list) else [found]) if part(each, "type") == "result"
    ]
    if not results:
        raise RecipeError("no result in the agent's output")
    last: dict[str, Any] = results[-1]
    return last


def _models(result: dict[str, Any]) -> list[Any]:
    models = part(result, "stats", "models")
    return list(models.values()) if isinstance(models, dict) else []


def _count(value: Any) -> int:
    return value if isinstance(value, int) else 0


def _require_word(output: bytes, status: ExitStatus) -> None:
    """Without a word on standard output, and by 1, all but gemini end that do not know the session."""
    if status.code == 1 and not output.strip():
        raise RecipeError(str(status), is_session_unknown=True)


def _require_success(status: ExitStatus) -> None:
    if status.code != 0:
        raise RecipeError(str(status))
