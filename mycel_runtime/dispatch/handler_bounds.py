"""How long a handler's run may take, and how often it is tried: as it says itself, else as the settings say."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from mycel_runtime.lazy_dataclass import dataclass

if TYPE_CHECKING:
    from mycel_runtime.plugin.handler import Handler
    from mycel_runtime.settings import DispatchSettings


@dataclass(slots=True)
class HandlerBounds:
    """
    Of all handlers.

    Attributes:
        settings: `[dispatch]`, as it is by now.
    """

    settings: DispatchSettings

    def use(self, settings: DispatchSettings) -> None:
        """From now on: `[dispatch]` was reloaded."""
        self.settings = settings

    def deadline(self, handler: Handler) -> float:
        """Of a run that begins now, by `time.monotonic()`."""
        return time.monotonic() + (handler.timeout or self.settings.handler_timeout)

    def max_attempts(self, handler: Handler) -> int:
        """How often a delivery is tried."""
        return handler.max_attempts or self.settings.max_attempts
