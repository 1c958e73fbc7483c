"""Connections of all clients of a loop: a call takes one that another client has left, if it goes the same way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mycel_runtime.sdk.idle_connections import IdleConnections
from mycel_runtime.sdk.pool import AsyncPool

if TYPE_CHECKING:
    from collections.abc import Hashable

    import httpx

    from mycel_runtime.sdk.network import Route


class SharedConnections:
    """Those of all clients whose `Network` has this, for each way by itself."""

    def __init__(self) -> None:
        self._of_ways: dict[Hashable, IdleConnections] = {}

    def pool(self, route: Route, *, limits: httpx.Limits) -> AsyncPool:
        """
        For one client, which closes it.

        Args:
            route: To its backend.
            limits: As of `AsyncPool`; the idle seconds are those of the first client that has gone this way.
        """
        if (idle := self._of_ways.get(route.key)) is None:
            idle = self._of_ways[route.key] = IdleConnections(expiry=limits.keepalive_expiry)
        return AsyncPool(route, limits=limits, idle=idle)
