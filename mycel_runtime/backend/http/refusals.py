"""How what is refused is answered (contract 1.4)."""

from __future__ import annotations

import pydantic_core
from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError

from mycel_runtime.backend.gate import BROKEN
from mycel_runtime.backend.http.request_context import answer
from mycel_runtime.backend.world.refusal import Broken, Refused


async def answer_refusal(_: Request, exc: Exception) -> Response:
    """`{"detail": …}`."""
    assert isinstance(exc, Refused)
    return answer({"detail": exc.detail}, exc.status)


async def answer_broken(request: Request, exc: Exception) -> Response:
    """What an uncaught error of the real server looks like: plain text, and then the connection dies (1.4)."""
    assert isinstance(exc, Broken)
    request.scope[BROKEN] = True
    return Response("Internal Server Error", 500, media_type="text/plain")


async def answer_invalid(_: Request, exc: Exception) -> Response:
    """422 with a list of objects; whatever was sent, it can be written as JSON."""
    assert isinstance(exc, RequestValidationError)
    problems = exc.errors()
    try:
        body = pydantic_core.to_json({"detail": problems}, fallback=str)
    except pydantic_core.PydanticSerializationError:
        told = [{key: problem[key] for key in ("type", "loc", "msg")} for problem in problems]
        body = pydantic_core.to_json({"detail": told})
    return Response(body, 422, media_type="application/json")
