"""Whether deliveries are followed: opened with the agent, and closed with it, within a bound."""

from __future__ import annotations

import asyncio
import contextlib
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

from typing_extensions import override

from mycel_runtime.errors import ConfigError
from mycel_runtime.observe.observer import Observer, Silent
from mycel_runtime.observe.trace import Traces, Untraced

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from mycel_runtime.observe.facts import Fact
    from mycel_runtime.settings import TracingSettings

CLOSE_SECONDS: Final = 3.0
"""At the end, for what has not been sent; a receiver that hangs keeps no agent from its end."""


class Tracing(Observer):
    """
    Of one agent.

    Args:
        settings: Of its file.
        agent: Its name.
        version: Of the runtime.
    """

    def __init__(self, settings: TracingSettings, *, agent: str, version: str) -> None:
        self._endpoint = settings.endpoint
        self._agent = agent
        self._version = version
        self._told: Observer = Silent()

    @property
    def is_wanted(self) -> bool:
        """Whether there is anybody to tell."""
        return self._endpoint is not None

    @override
    def tell(self, fact: Fact) -> None:
        self._told.tell(fact)

    @contextlib.asynccontextmanager
    async def open(self, observer: Observer) -> AsyncIterator[Traces]:
        """
        Follow deliveries while the block runs.

        Args:
            observer: Told that the receiver takes nothing.

        Raises:
            ConfigError: The extra is not installed.
        """
        if self._endpoint is None:
            yield Untraced()
            return
        if find_spec("opentelemetry") is None or find_spec("opentelemetry.sdk") is None:
            raise ConfigError(
                "traces need OpenTelemetry, which is not installed",
                where="[tracing] endpoint",
                fix="Install the extra: pip install 'mycel-runtime[otel]'",
            )
        from mycel_runtime.daemon.tracing.delivery_traces import DeliveryTraces  # noqa: PLC0415
        from mycel_runtime.daemon.tracing.export import open_provider  # noqa: PLC0415 - only who follows pays

        provider = await asyncio.to_thread(
            open_provider, self._endpoint, version=self._version, observer=observer
        )
        traces = DeliveryTraces(provider.get_tracer("mycel_runtime", self._version), agent=self._agent)
        self._told = traces
        try:
            yield traces
        finally:
            self._told = Silent()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_SECONDS):
                    await asyncio.to_thread(provider.shutdown)
