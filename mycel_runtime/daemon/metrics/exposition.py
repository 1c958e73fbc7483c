"""
Metrics as text, in the format that is asked for: Prometheus' own, or OpenMetrics.

The library that makes it is imported when somebody asks: most agents are asked for no metrics, and it is
most of a MiB.
"""

from __future__ import annotations

import asyncio
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple, cast

from mycel_runtime.daemon.control_routes import Response, Route

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator

    from prometheus_client.core import Metric as Family
    from prometheus_client.registry import Collector

    from mycel_runtime.daemon.control_routes import Request


class Exposition(NamedTuple):
    """The text, and its content type."""

    text: bytes
    content_type: str


class _Merged:
    """
    One family of each name, with the samples of all agents.

    Without the times at which counters were made: each would be a series beside its counter, and nobody asks.
    """

    def __init__(self, families: Iterable[Family]) -> None:
        from prometheus_client.core import Metric as Family

        self._families: dict[str, Family] = {}
        for family in families:
            merged = self._families.get(family.name)
            if merged is None:
                merged = self._families[family.name] = Family(
                    family.name, family.documentation, family.type, family.unit
                )
            merged.samples.extend(each for each in family.samples if not each.name.endswith("_created"))

    def collect(self) -> Iterator[Family]:
        """As a `Collector` does."""
        return iter(self._families.values())


def expose(families: Iterable[Family], accept: str) -> Exposition:
    """
    What is answered.

    Args:
        families: Of one agent or of several, and of the process.
        accept: The request's header of that name.
    """
    from prometheus_client.exposition import choose_encoder

    encode, content_type = choose_encoder(accept)
    return Exposition(encode(cast("Collector", _Merged(families))), content_type)


async def import_library() -> None:
    """In a thread, because it takes some ten milliseconds; to be awaited before any family is made."""
    await asyncio.to_thread(import_module, "prometheus_client")


def metrics_route(families: Callable[[], Awaitable[Iterable[Family]]]) -> Route:
    """
    `GET /metrics`, for the control socket.

    Args:
        families: Asked for each answer.
    """

    async def metrics(request: Request) -> Response:
        await import_library()
        text, content_type = expose(await families(), request.accept)
        return Response(text, content_type=content_type)

    return Route("GET", "/metrics", metrics)
