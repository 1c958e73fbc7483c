"""
The three requests of a reply, page, read and send, without FastAPI's way to their endpoints.

That way (routes one by one, stacks, dependencies, parameters) takes ten times as long as what the endpoints do, and
most of a plugin's test is such requests. Only what is in order is taken here: anything else, and whatever would be
refused for its form, is FastAPI's as ever, so that no refusal of FastAPI's is worded twice.

`FastPath` takes them from a socket, `answer_ordinary` from whoever is in the same loop, who needs no ASGI.
"""

from __future__ import annotations

import functools
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from urllib.parse import parse_qsl

from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.requests import Request

from mycel_runtime.backend.http.messages import SendBody, list_messages, read_messages, send_message
from mycel_runtime.backend.http.refusals import answer_broken, answer_invalid, answer_refusal
from mycel_runtime.backend.http.request_context import Call
from mycel_runtime.backend.service import SERVICE
from mycel_runtime.backend.world.refusal import Broken, Refused
from mycel_runtime.wire.limits import PAGE_MESSAGES

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence

    from fastapi import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from mycel_runtime.backend.door_exchange import Asked
    from mycel_runtime.backend.service import Service

Work: TypeAlias = "Callable[[str, Call], Awaitable[Response]]"
"""An endpoint with all of its arguments but chat and caller."""

_PAGE_KEYS: Final = frozenset({"limit", "before"})


class FastPath:
    """
    ASGI middleware around FastAPI: carries out what is ordinary, and hands everything else on.

    Args:
        app: What it is handed to.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        found = _preparation(scope["method"], scope["path"]) if scope["type"] == "http" else None
        if found is None:
            await self._app(scope, receive, send)
            return
        prepare, chat_id = found
        messages = await _received(receive)
        headers = dict(reversed(scope["headers"]))
        content = b"".join(message.get("body", b"") for message in messages)
        work = prepare(scope["query_string"], headers, content)
        if work is None:
            await self._app(scope, _again(messages, receive), send)
            return
        response = await _answer(work, chat_id, scope, headers)
        await response(scope, receive, send)


def answer_ordinary(service: Service, asked: Asked, scope: Scope) -> Coroutine[Any, Any, Response] | None:
    """
    What answers a request as `FastPath` does within the application; `None`: it is not ordinary.

    Args:
        service: Which is asked.
        asked: What by; a browser's page, which says its origin, is for the whole application.
        scope: What became of the request is marked there.
    """
    headers = dict(reversed(asked.headers))
    found = _preparation(asked.method, asked.path)
    if found is None or b"origin" in headers or service.rules.is_first:
        return None
    prepare, chat_id = found
    work = prepare(asked.query, headers, asked.body)
    scope[SERVICE] = service
    return None if work is None else _answer(work, chat_id, scope, headers)


def _preparation(method: str, path: str) -> tuple[_Preparation, str] | None:
    """What may be ordinary, and in which chat."""
    before, _, path = path.partition("/api/chats/")
    chat_id, _, what = path.partition("/")
    prepare = _PREPARATIONS.get((method, what))
    return None if before or not chat_id or prepare is None else (prepare, chat_id)


async def _answer(work: Work, chat_id: str, scope: Scope, headers: Mapping[bytes, bytes]) -> Response:
    """As FastAPI's handlers of exceptions would have it."""
    service: Service = scope[SERVICE]
    try:
        user = service.authenticate(headers.get(b"authorization", b"").decode("latin-1"))
        return await work(chat_id, Call(service, user))
    except Refused as exc:
        return await answer_refusal(Request(scope), exc)
    except Broken as exc:
        return await answer_broken(Request(scope), exc)
    except RequestValidationError as exc:
        return await answer_invalid(Request(scope), exc)


def _page(query: bytes, _headers: Mapping[bytes, bytes], content: bytes) -> Work | None:
    bounds = _bounds(query)
    return None if content or bounds is None else partial(list_messages, **bounds)


def _read(_query: bytes, _headers: Mapping[bytes, bytes], content: bytes) -> Work | None:
    return None if content else read_messages


def _send(_query: bytes, headers: Mapping[bytes, bytes], content: bytes) -> Work | None:
    if headers.get(b"content-type") != b"application/json" or b"idempotency-key" in headers:
        return None
    try:
        body = SendBody.model_validate_json(content)
    except ValidationError:
        return None

    async def work(chat_id: str, call: Call) -> Response:
        return await send_message(chat_id, body, call)

    return work


@functools.lru_cache(maxsize=512)
def _bounds(query: bytes) -> Mapping[str, Any] | None:
    """Of a page, as arguments; `None` if there is anything to be said about it."""
    pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    values: dict[str, Any] = dict(pairs)
    if len(values) < len(pairs) or not values.keys() <= _PAGE_KEYS:
        return None
    if "limit" in values:
        limit = next((each for each in range(1, PAGE_MESSAGES + 1) if str(each) == values["limit"]), None)
        if limit is None:
            return None
        values["limit"] = limit
    return values


async def _received(receive: Receive) -> Sequence[Message]:
    """The whole body, as it came; or the end of the connection in it."""
    messages = [await receive()]
    while messages[-1].get("more_body", False):
        messages.append(await receive())
    return messages


def _again(messages: Sequence[Message], receive: Receive) -> Receive:
    """The same once more, and what comes after it."""
    left = iter(messages)

    async def again() -> Message:
        for message in left:
            return message
        return await receive()

    return again


_Preparation: TypeAlias = "Callable[[bytes, Mapping[bytes, bytes], bytes], Work | None]"
"""From query, headers (the first of each name) and body to what is to be done; `None`: it is not ordinary."""

_PREPARATIONS: Final[Mapping[tuple[str, str], _Preparation]] = {
    ("GET", "messages"): _page,
    ("POST", "messages/read"): _read,
    ("POST", "messages"): _send,
}
"""By method, and by what stands behind the chat's id."""
