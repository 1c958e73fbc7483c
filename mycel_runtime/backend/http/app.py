"""The application: routers, refusals, the probe's document (contract 1.4, 2.11)."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Final

from fastapi import APIRouter, FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.middleware.cors import CORSMiddleware

from mycel_runtime.backend import feed
from mycel_runtime.backend.http import (
    auth,
    chat_events,
    chats,
    inbox,
    joins,
    managed_agents,
    messages,
    relationships,
    workflows,
)
from mycel_runtime.backend.http.fast_path import FastPath
from mycel_runtime.backend.http.refusals import answer_broken, answer_invalid, answer_refusal
from mycel_runtime.backend.quirks import Rules
from mycel_runtime.backend.service import SERVICE
from mycel_runtime.backend.world.refusal import Broken, Refused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.types import ASGIApp, Receive, Scope, Send

    from mycel_runtime.backend.quirks import Generation
    from mycel_runtime.backend.service import Service

TITLE: Final = "Mycel Web Backend"
VERSION: Final = "0.1.0"


def build_app(service: Service) -> ASGIApp:
    """The REST and WebSocket faces of a service, as far as its generation and profile have them."""
    faces = _faces(service.rules.generation, is_full=service.rules.is_full)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scope[SERVICE] = service
        await faces(scope, receive, send)

    return app


@functools.cache
def _faces(generation: Generation, *, is_full: bool) -> ASGIApp:
    """
    The same for all services of a kind: a tenth of a second of validators is made for them.

    Routes are handed over as they are. Included routers are asked one by one, each in a scope of its own, which would
    be a tenth of a request; but then each of theirs must be told itself that a body is JSON whatever its type says.
    """
    routes = [
        route for router in _routers(Rules(generation=generation, is_full=is_full)) for route in router.routes
    ]
    app = FastAPI(
        title=TITLE, version=VERSION, docs_url=None, redoc_url=None, strict_content_type=False, routes=routes
    )
    app.add_exception_handler(Refused, answer_refusal)
    app.add_exception_handler(Broken, answer_broken)
    app.add_exception_handler(RequestValidationError, answer_invalid)
    # Around the application rather than in it: FastAPI's own layers are a fifth of a request that needs none of them.
    faces = app if generation == "a" else FastPath(app)
    return CORSMiddleware(faces, allow_origins=["*"], allow_methods=["*"], allow_headers=["*"])


def _routers(rules: Rules) -> Iterator[APIRouter]:
    """
    What is served: generation A knows less, B1 a little less, the communication profile has no accounts (2.12).

    In the order of how often they are asked, as routes are tried one by one.
    """
    yield messages.older if rules.is_first else messages.router
    yield from (inbox.router, chats.router, auth.communication, joins.router, relationships.router)
    if not rules.is_first:
        yield from (feed.router, chats.newer, inbox.newer, workflows.router)
        yield messages.mark_read_of[rules.generation]
        yield workflows.newer if rules.has_b2 else workflows.older
    if rules.has_b2:
        yield auth.newer
    yield chat_events.router
    if rules.is_full:
        yield auth.full
        yield managed_agents.router
