"""What can be asked over the control socket, and what is answered: values, and the table that finds who answers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable

OK: Final = 200
NOT_FOUND: Final = 404
WRONG_METHOD: Final = 405
FAILED: Final = 500
_TEXT: Final = "text/plain; charset=utf-8"


class Request(NamedTuple):
    """
    What is asked.

    Attributes:
        path: Without the query; percent-escapes are resolved.
        query: Names and values, in their order.
        accept: The header of that name; empty without it.
    """

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    accept: str = ""
    body: bytes = b""

    @property
    def name(self) -> str:
        """The last part of the path: of a verb, or of an order."""
        return self.path.rpartition("/")[2]

    def values(self, name: str) -> tuple[str, ...]:
        """All that the query gives under a name."""
        return tuple(value for key, value in self.query if key == name)

    def value(self, name: str, default: str = "") -> str:
        """The last that the query gives under a name."""
        return dict(self.query).get(name, default)

    def arguments(self) -> dict[str, Any]:
        """
        The body, which is a JSON object.

        Raises:
            ValueError: It is none.
        """
        found = json.loads(self.body)
        if not isinstance(found, dict):
            raise ValueError("no JSON object")  # noqa: TRY004 - what is sent is wrong, not what is called
        return found


class Response(NamedTuple):
    """
    What is answered.

    Attributes:
        lines: Sent as they come, instead of `content`.
        allow: The header of that name; empty: none.
    """

    content: bytes
    status: int = OK
    content_type: str = "application/json"
    lines: AsyncIterator[str] | None = None
    allow: str = ""


class Route(NamedTuple):
    """
    Who answers.

    Attributes:
        path: One that ends with a slash stands for all that have one part more.
    """

    method: str
    path: str
    answer: Callable[[Request], Awaitable[Response]]


def of_json(value: Any, status: int = OK) -> Response:
    """A JSON value."""
    return Response(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(), status)


def of_text(text: str, status: int = OK) -> Response:
    """For people."""
    return Response(text.encode(), status, _TEXT)


class Routes:
    """
    All that can be asked.

    Args:
        routes: Each path once.
    """

    def __init__(self, routes: Iterable[Route]) -> None:
        self._routes = {route.path: route for route in routes}

    async def answer(self, request: Request) -> Response:
        """Of whoever is asked; 404 or 405 where nobody is, 500 where answering fails."""
        route = self._routes.get(request.path) or self._routes.get(request.path.rpartition("/")[0] + "/")
        if route is None or not request.name:
            return of_text("Not Found", NOT_FOUND)
        methods = ("GET", "HEAD") if route.method == "GET" else (route.method,)
        if request.method not in methods:
            return Response(b"Method Not Allowed", WRONG_METHOD, _TEXT, allow=", ".join(methods))
        try:
            return await route.answer(request)
        except Exception:  # noqa: BLE001 - whatever it is, the next request is answered
            return of_text("Internal Server Error", FAILED)
