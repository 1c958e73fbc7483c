"""Metrics as text, in the format that is asked for: Prometheus' own, or OpenMetrics."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from prometheus_client.core import Metric as Family
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from starlette.responses import Response
from starlette.routing import Route
from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator

    from starlette.requests import Request


class Exposition(NamedTuple):
    """The text, and its content type."""

    text: bytes
    content_type: str


class _Merged(Collector):
    """
    One family of each name, with the samples of all agents.

    Without the times at which counters were made: each would be a series beside its counter, and nobody asks.
    """

    def __init__(self, families: Iterable[Family]) -> None:
        self._families: dict[str, Family] = {}
        for family in families:
            merged = self._families.get(family.name)
            if merged is None:
                merged = self._families[family.name] = Family(
                    family.name, family.documentation, family.type, family.unit
                )
            merged.samples.extend(each for each in family.samples if not each.name.endswith("_created"))

    @override
    def collect(self) -> Iterator[Family]:
        return iter(self._families.values())


def expose(families: Iterable[Family], accept: str) -> Exposition:
    """
    What is answered.

    Args:
        families: Of one agent or of several, and of the process.
        accept: The request's header of that name.
    """
    encode, content_type = choose_encoder(accept)
    return Exposition(encode(_Merged(families)), content_type)


def metrics_route(families: Callable[[], Awaitable[Iterable[Family]]]) -> Route:
    """
    `GET /metrics`, for any application.

    Args:
        families: Asked for each answer.
    """

    async def metrics(request: Request) -> Response:
        text, content_type = expose(await families(), request.headers.get("accept", ""))
        return Response(text, headers={"Content-Type": content_type})

    return Route("/metrics", metrics)
