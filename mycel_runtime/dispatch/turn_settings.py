"""What of the half that gives handlers their turns reads settings while it works."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mycel_runtime.lazy_dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mycel_runtime.dispatch.dispatcher import Dispatcher
    from mycel_runtime.dispatch.handler_bounds import HandlerBounds
    from mycel_runtime.dispatch.lifecycle import Lifecycle
    from mycel_runtime.dispatch.lively_chats import LivelyChats
    from mycel_runtime.dispatch.quarantine import Quarantine
    from mycel_runtime.journal.ids import HandlerId
    from mycel_runtime.plugin.registry import BoundHandler
    from mycel_runtime.settings import DispatchSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnSettings:
    """Of one identity; the parts that are to know of others by then."""

    bounds: HandlerBounds
    lively_chats: LivelyChats
    quarantine: Quarantine
    lifecycle: Lifecycle
    dispatcher: Dispatcher

    def use(self, settings: DispatchSettings, handlers: Mapping[HandlerId, BoundHandler]) -> None:
        """
        From the next run on; what runs goes on as it has begun.

        Args:
            settings: `[dispatch]`, of which only the keys may differ that are read at each use.
            handlers: All of them, bound to the settings that their plugins have now.
        """
        self.bounds.use(settings)
        self.lively_chats.use(settings)
        self.quarantine.use(settings)
        self.lifecycle.use(settings)
        self.lifecycle.rebind(handlers)
        self.dispatcher.wake()
