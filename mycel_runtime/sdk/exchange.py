"""
What a reply means. Pure.

`exchange` is a generator: it yields what is to be done and is sent what came of it. Both drivers run the same one.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar

import pydantic_core

from mycel_runtime.errors import (
    ApiError,
    AuthenticationError,
    BadRequestError,
    ConflictError,
    ContentTooLargeError,
    IntermediaryError,
    InvalidResponseError,
    NotCaughtUpError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitedError,
    ServerError,
    ValidationError,
    is_in_backends_shape,
)
from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.observe.facts import StoredSendFailed
from mycel_runtime.sdk import redirect
from mycel_runtime.sdk.retry_after import retry_after_seconds

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from mycel_runtime.observe.facts import Fact
    from mycel_runtime.sdk.calls import Call

T = TypeVar("T")

_KEPT_CONTENT_BYTES: Final = 65_536
_OK: Final = 200
_REFUSED: Final = 400
_SERVER_ERROR: Final = 500


@dataclass(frozen=True, slots=True)
class Reply:
    """
    An HTTP answer.

    Attributes:
        retry_after: The header's text, of a refusal; empty when there is none.
        date: The header's text: of a refusal for `retry_after`, and of any answer for `check`, which compares clocks.
        is_cut: There was more of it than we take.
        location: The header's text, of a redirect.
    """

    status: int
    content: bytes
    retry_after: str = ""
    date: str = ""
    is_cut: bool = False
    location: str = ""


@dataclass(frozen=True, slots=True)
class Send:
    """Send the request, and send the `Reply` in."""


@dataclass(frozen=True, slots=True)
class Tell:
    """Tell the observer."""

    fact: Fact


Step: TypeAlias = Send | Tell


def exchange(call: Call[T]) -> Generator[Step, Reply | None, T]:
    """
    One request and the meaning of its answer.

    Raises:
        ApiError: Anything but a 200 with the JSON that the call promises.
    """
    reply = yield Send()
    assert reply is not None
    if reply.status == _OK:
        return _result(call, reply)
    value = _parse(reply.content)
    if call.is_send and reply.status == _SERVER_ERROR and (message := stored_message(value)) is not None:
        yield Tell(StoredSendFailed(chat_id=message["chat_id"], message_seq=message["seq"]))
        return message  # type: ignore[no-any-return]  # a send's T is Message
    raise error_of(call, reply, value)


def error_of(call: Call[Any], reply: Reply, value: Any) -> ApiError:
    """
    The error that an answer other than 200 is.

    Args:
        call: What was asked.
        reply: The answer.
        value: Its JSON; anything else than a dict if it has none.
    """
    if reply.status in redirect.STATUSES:
        kept = reply.content[:_KEPT_CONTENT_BYTES]
        return redirect.redirect_error(reply.status, reply.location, call.path, kept)
    kind = _kind(call, reply.status, value)
    error = kind(
        reply.status,
        _detail(reply, value),
        reply.content[:_KEPT_CONTENT_BYTES],
        retry_after_seconds=retry_after_seconds(reply.retry_after, reply.date),
    )
    if (
        isinstance(error, ValidationError)
        and isinstance(value, dict)
        and isinstance(value.get("detail"), list)
    ):
        error.errors = [entry for entry in value["detail"] if isinstance(entry, dict)]
    return error


def stored_message(value: Any) -> Any:
    """
    The stored message inside a failed send's answer, in the API's names; `None` if there is none.

    Source: Q21, contract 2.6: the row has storage names beside the normalised ones, and no `sender_name`.
    """
    answer = value.get("detail", value) if isinstance(value, dict) else None
    row = answer.get("message") if isinstance(answer, dict) else None
    if not isinstance(row, dict) or not isinstance(row.get("seq"), int) or not isinstance(row.get("id"), str):
        return None
    defaults = {
        "chat_id": "",
        "sender_id": row.get("sender_user_id", ""),
        "content": "",
        "message_type": "human",
        "mentioned_ids": row.get("mentions_json") or [],
        "signal": None,
        "retracted_at": None,
        "created_at": 0.0,
    }
    return defaults | row


def _result(call: Call[T], reply: Reply) -> T:
    if not reply.content and call.empty is not None:
        return dict(call.empty)  # type: ignore[return-value]  # the call says what an empty answer stands for
    value = _parse(reply.content)
    if reply.is_cut or not isinstance(value, dict if call.answer == "object" else list):
        detail = f"expected a JSON {call.answer}, got {_found(reply, value)}"
        raise InvalidResponseError(reply.status, detail, reply.content[:_KEPT_CONTENT_BYTES])
    return value  # type: ignore[return-value]  # the contract's type; unknown fields survive


_NO_JSON: Final = object()


def _found(reply: Reply, value: Any) -> str:
    if reply.is_cut:
        return f"more than {len(reply.content)} bytes"
    if not reply.content:
        return "an empty body"
    return "no JSON" if value is _NO_JSON else "null" if value is None else type(value).__name__


def _parse(content: bytes) -> Any:
    try:
        return pydantic_core.from_json(content)
    except ValueError:
        return _NO_JSON


_KINDS: Final[Mapping[int, type[ApiError]]] = {
    400: BadRequestError,
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    405: NotFoundError,
    409: ConflictError,
    422: ValidationError,
}
"""Of the backend's own refusals."""

_ANYBODYS: Final[Mapping[int, type[ApiError]]] = {413: ContentTooLargeError, 429: RateLimitedError}
"""Whoever says so: the application itself has no limits (contract 1.1)."""


def _kind(call: Call[Any], status: int, value: Any) -> type[ApiError]:
    if status >= _SERVER_ERROR:
        return ServerError
    if status < _REFUSED:
        return InvalidResponseError
    if status in _ANYBODYS:
        return _ANYBODYS[status]
    if not is_in_backends_shape(value):
        return IntermediaryError
    if call.is_send and status == 409:  # noqa: PLR2004 - the contract's only 409 of this endpoint (4.5)
        return NotCaughtUpError
    return _KINDS.get(status, ApiError)


def _detail(reply: Reply, value: Any) -> str:
    """Text of `detail`, else of `message`, else the raw text (contract 1.4)."""
    if not reply.content:
        return "empty response body"
    if isinstance(value, dict):
        for key in ("detail", "message"):
            if key in value:
                detail = value[key]
                return detail if isinstance(detail, str) else json.dumps(detail, ensure_ascii=False)
    return reply.content[:_KEPT_CONTENT_BYTES].decode("utf-8", "replace")
