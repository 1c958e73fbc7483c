"""The application: routers, refusals, the probe's document (contract 1.4, 2.11)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pydantic_core
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.middleware.cors import CORSMiddleware

from mycel_runtime.backend import feed
from mycel_runtime.backend.http import auth, chats, inbox, messages
from mycel_runtime.backend.http.face import answer
from mycel_runtime.backend.world.refusal import Refused

if TYPE_CHECKING:
    from mycel_runtime.backend.service import Service

TITLE: Final = "Mycel Web Backend"
VERSION: Final = "0.1.0"


def build_app(service: Service, *, is_full: bool = True) -> FastAPI:
    """
    The REST and WebSocket faces of a service.

    Args:
        service: What they work on.
        is_full: Whether the full profile is served; else what the communication profile has (2.12).
    """
    app = FastAPI(title=TITLE, version=VERSION, docs_url=None, redoc_url=None, strict_content_type=False)
    app.state.service = service
    app.add_middleware(CORSMiddleware, allow_origins=["*"], allow_methods=["*"], allow_headers=["*"])
    app.add_exception_handler(Refused, _answer_refusal)
    app.add_exception_handler(RequestValidationError, _answer_invalid)
    for router in (auth.communication, chats.router, messages.router, inbox.router, feed.router):
        app.include_router(router)
    if is_full:
        app.include_router(auth.full)
    return app


async def _answer_refusal(_: Request, exc: Exception) -> Response:
    """`{"detail": …}`."""
    assert isinstance(exc, Refused)
    return answer({"detail": exc.detail}, exc.status)


async def _answer_invalid(_: Request, exc: Exception) -> Response:
    """422 with a list of objects; whatever was sent, it can be written as JSON."""
    assert isinstance(exc, RequestValidationError)
    body = pydantic_core.to_json({"detail": exc.errors()}, fallback=str, bytes_mode="utf8")
    return Response(body, 422, media_type="application/json")
