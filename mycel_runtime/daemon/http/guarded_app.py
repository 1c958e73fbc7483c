"""
The guard's decisions carried out: what stands between a socket and the routes, for every request.

Adds the headers that every answer has, ends what takes too long or is too large, and knows who has signed in.
"""

from __future__ import annotations

import asyncio
import math
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING, Final

from starlette.responses import JSONResponse

from mycel_runtime.daemon.http.guard import BODY_BYTES, HEADERS, SAFE_METHODS, Request
from mycel_runtime.daemon.http.sign_in import COOKIE, TooManyFailuresError
from mycel_runtime.errors import JournalError
from mycel_runtime.observe.facts import PageRefused, UnhandledErrorRaised
from mycel_runtime.observe.traceback_text import origin_text

if TYPE_CHECKING:
    from collections.abc import Collection

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from mycel_runtime.daemon.http.guard import Guard
    from mycel_runtime.daemon.http.sign_in import SignIn
    from mycel_runtime.observe.observer import Observer

ANSWER_SECONDS: Final = 10.0
"""For a whole answer, unless it is the live log."""

IS_SIGNED_IN: Final = "mycel_runtime.is_signed_in"
"""Key of the scope."""

_BEARER: Final = "bearer "


class _TooLargeError(Exception):
    """More came than may."""


class GuardedApp:
    """
    An ASGI application.

    Args:
        app: The routes.
        guard: What is taken.
        sign_in: Who may act.
        open_paths: What anybody may read, wherever he is.
        endless: The one whose answer has no end.
        observer: Told of what is refused.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        guard: Guard,
        sign_in: SignIn,
        open_paths: Collection[str],
        endless: str,
        observer: Observer,
    ) -> None:
        self._app = app
        self._guard = guard
        self._sign_in = sign_in
        self._open_paths = open_paths
        self._endless = endless
        self._observer = observer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        request = _request_of(scope)
        answer = _Answer(send)
        try:
            async with asyncio.timeout(None if request.path == self._endless else ANSWER_SECONDS):
                await self._answer(request, scope, _bounded(receive), answer)
        except TimeoutError:
            await self._refuse(answer, 408, "the answer took too long")
        except _TooLargeError:
            await self._refuse(answer, 413, f"the body is larger than {BODY_BYTES} bytes")
        except JournalError:
            await self._refuse(answer, 503, "the journal cannot be read now")
        except Exception as exc:  # noqa: BLE001 - told of, without its text; uvicorn would only log it
            self._observer.tell(
                UnhandledErrorRaised(kind="request", error=type(exc).__name__, trace=origin_text(exc))
            )
            await self._refuse(answer, 500, "a fault of the page: the log says where")

    async def _answer(self, request: Request, scope: Scope, receive: Receive, answer: _Answer) -> None:
        if refusal := self._guard.refusal(request):
            await self._refuse(answer, *refusal)
            return
        try:
            is_signed_in = await self._is_signed_in(request)
        except TooManyFailuresError as exc:
            await self._refuse(
                answer, 429, "too many wrong tokens", {"Retry-After": str(math.ceil(exc.retry_after))}
            )
            return
        if is_signed_in is False and not self._may_ask(request):
            await self._refuse(answer, 401, "wants the token", {"WWW-Authenticate": "Bearer"})
            return
        scope[IS_SIGNED_IN] = bool(is_signed_in)
        await self._app(scope, receive, answer)

    def _may_ask(self, request: Request) -> bool:
        """Whether this needs no token."""
        if request.has("authorization"):
            return False
        is_local_read = request.method in SAFE_METHODS and self._guard.is_local(request)
        return is_local_read or request.path in self._open_paths

    async def _is_signed_in(self, request: Request) -> bool:
        if request.has("authorization"):
            shown = request.only("authorization") or ""
            is_bearer = shown[: len(_BEARER)].lower() == _BEARER
            return is_bearer and await self._sign_in.is_right(shown[len(_BEARER) :].strip())
        key = session_key(request)
        return bool(key) and self._guard.may_use_cookie(request) and await self._sign_in.is_open(key)

    async def _refuse(
        self, answer: _Answer, status: int, reason: str, headers: dict[str, str] | None = None
    ) -> None:
        self._observer.tell(PageRefused(status=status, reason=reason))
        if answer.is_begun:
            raise ConnectionAbortedError(reason)  # uvicorn cuts it off: half an answer must not look whole.
        refused = JSONResponse(
            {"detail": reason}, status_code=status, headers={"Connection": "close", **(headers or {})}
        )
        await answer({"type": "http.response.start", "status": status, "headers": refused.raw_headers})
        await answer({"type": "http.response.body", "body": refused.body})


def session_key(request: Request) -> str:
    """What the cookie holds; empty: there is none."""
    try:
        cookie = SimpleCookie(request.only("cookie") or "").get(COOKIE)
    except CookieError:
        return ""
    return cookie.value if cookie else ""


def _request_of(scope: Scope) -> Request:
    headers = ((name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in scope["headers"])
    return Request(scope["method"], scope["path"], tuple(headers))


class _Answer:
    """Sends on, with the headers of every answer."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.is_begun = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.is_begun = True
            added = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]
            message = {**message, "headers": [*message["headers"], *added]}
        await self._send(message)


def _bounded(receive: Receive) -> Receive:
    left = BODY_BYTES

    async def bounded() -> Message:
        nonlocal left
        message = await receive()
        left -= len(message.get("body", b""))
        if left < 0:
            raise _TooLargeError
        return message

    return bounded
