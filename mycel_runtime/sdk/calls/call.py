"""One request, and what its answer is."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, Generic, Literal, TypeVar

from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.sdk.pace import Worth

if TYPE_CHECKING:
    from collections.abc import Mapping


T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Generic[T]):
    """
    A request and what its answer is.

    Attributes:
        path: Percent-encoded, below the base URL.
        body: JSON; `None` sends no body and no content type.
        answer: The JSON type that a 200 has.
        is_safe: Repeating it changes nothing on the server.
        is_send: A 409 means 'not caught up', and a 500 may hold the stored message (Q21).
        is_told_once: What it answers is in no later answer (Q26): if it is lost, it must be looked for elsewhere.
        empty: What an empty 200 stands for; `None`: it is an error.
        worth: What goes first where a server limits the rate of requests.
    """

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    path: str
    query: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    answer: Literal["object", "list"] = "object"
    is_authenticated: bool = True
    is_send: bool = False
    is_told_once: bool = False
    empty: Mapping[str, Any] | None = None
    worth: Worth = Worth.HISTORY

    @property
    def is_safe(self) -> bool:
        """Only reading is: the server has no idempotency keys (Q22)."""
        return self.method == "GET"


def post(path: str, **body: Any) -> Call[Any]:
    """A request with these keys in its body, in their order."""
    return Call(method="POST", path=path, body=json_body(body))


def write(method: Literal["PUT", "PATCH"], path: str, **body: Any) -> Call[Any]:
    """As `post`, by another method."""
    return Call(method=method, path=path, body=json_body(body))


def json_body(body: Mapping[str, Any]) -> bytes:
    """
    As the reference SDK writes it, but with text as it is.

    Raises:
        ValueError: A number is none of JSON's.
    """
    return _COMPACT.encode(body).encode()


_COMPACT: Final = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False)
"""`json.dumps` would make one for each body."""
