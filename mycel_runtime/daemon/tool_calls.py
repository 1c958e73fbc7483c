"""A tool's call as it comes over the control socket, and what the caller is told: a result, or what is wrong."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, Final, TypedDict

from mycel_runtime.dispatch.tools import TOOL_VERBS
from mycel_runtime.errors import ApiError, ArgumentError, NotFoundError, PermissionDeniedError
from mycel_runtime.speech.interrupts import UNANSWERED, UnansweredError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mycel_runtime.dispatch.tools import Tools

OK: Final = 200
MISTAKEN: Final = 422
"""The caller's mistake: what to do instead stands in `fix`."""
TROUBLED: Final = 502
"""The backend's trouble: later, perhaps."""


class ToolProblem(TypedDict):
    """Why there is no result, and what to do. Neither holds anybody's words."""

    problem: str
    fix: str


async def call_tool(tools: Tools, verb: str, arguments: Mapping[str, Any]) -> tuple[int, Any]:
    """
    The status and the body of the answer.

    Args:
        tools: The agent's.
        verb: One of `TOOL_VERBS`.
        arguments: By name.

    Raises:
        JournalError: The journal failed.

    Cancelling: as of the verb.
    """
    method = getattr(tools, verb) if verb in TOOL_VERBS else None
    if method is None or not _fits(method, arguments):
        return MISTAKEN, _problem(
            f"the daemon knows no {verb!r} like this: it is of another version",
            "Restart the agent, and then this.",
        )
    try:
        return OK, await method(**arguments)
    except ArgumentError as exc:
        return MISTAKEN, _problem(exc.problem, exc.fix)
    except (NotFoundError, PermissionDeniedError):
        return MISTAKEN, _problem(
            "there is nothing of this id, or this agent is not let in",
            "Take ids from what the tools have returned, and never make one up: `chats` lists the agent's chats.",
        )
    except (UnansweredError, *UNANSWERED):
        return TROUBLED, _problem("Mycel does not answer now", "Try the same again in a minute.")
    except ApiError as exc:
        return TROUBLED, _problem(f"Mycel refuses it: HTTP {exc.status_code}", "Do something else.")


def _fits(method: Any, arguments: Mapping[str, Any]) -> bool:
    try:
        inspect.signature(method).bind(**arguments)
    except TypeError:
        return False
    return True


def _problem(problem: str, fix: str) -> ToolProblem:
    return ToolProblem(problem=problem, fix=fix)
