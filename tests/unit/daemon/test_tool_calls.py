from __future__ import annotations

import pytest

from mycel_runtime.daemon.tool_calls import MISTAKEN, OK, TROUBLED, call_tool
from mycel_runtime.errors import (
    ApiError,
    ArgumentError,
    NotFoundError,
    PermissionDeniedError,
    ServerError,
    TransportError,
)
from mycel_runtime.speech.evidence import Operation
from mycel_runtime.speech.interrupts import UnansweredError

SECRET = "somebody's words"


class Failing:
    """Tools that raise."""

    def __init__(self, exc=None):
        self._exc = exc

    async def read(self, chat_id, limit, known_seq):
        if self._exc is not None:
            raise self._exc
        return {"chat_id": chat_id}


READ = {"chat_id": "c", "limit": 5, "known_seq": None}


async def test_a_result_is_told():
    assert await call_tool(Failing(), "read", READ) == (OK, {"chat_id": "c"})


@pytest.mark.parametrize(
    ("verb", "arguments"),
    [("read", {"chat": "c"}), ("read", READ | {"more": 1}), ("_news", {}), ("__init__", {})],
)
async def test_what_the_daemon_does_not_know_is_refused(verb, arguments):
    code, told = await call_tool(Failing(), verb, arguments)

    assert code == MISTAKEN
    assert "another version" in told["problem"]


@pytest.mark.parametrize(
    ("exc", "code"),
    [
        (ArgumentError("the limit is out of range", fix="Take less."), MISTAKEN),
        (NotFoundError(404, SECRET), MISTAKEN),
        (PermissionDeniedError(403, SECRET), MISTAKEN),
        (TransportError(SECRET), TROUBLED),
        (ServerError(500, SECRET), TROUBLED),
        (ApiError(418, SECRET), TROUBLED),
        (UnansweredError(ServerError(500, SECRET), Operation.READ), TROUBLED),
    ],
    ids=lambda value: type(value).__name__,
)
async def test_every_trouble_is_told_with_what_to_do_and_without_anybodys_words(exc, code):
    answered, told = await call_tool(Failing(exc), "read", READ)

    assert answered == code
    assert told["fix"]
    assert SECRET not in str(told)
