"""
A handler: a function of a plugin, and what it is called for.

Its identity is `plugin.function`: cursors hang on it, so renaming one makes it a new handler, which starts at the
agent's place in each chat.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, TypedDict

from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.plugin.callables import is_coroutine_function

if TYPE_CHECKING:
    from collections.abc import Callable

    from mycel_runtime.journal.ids import HandlerId
    from mycel_runtime.plugin.pattern import ContentPattern
    from mycel_runtime.plugin.subscription import Subscription
    from mycel_runtime.speech.conflict import ConflictPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class Handler:
    """
    A function and what it wants to hear.

    Attributes:
        is_async: It is known to be an `async def` and runs on the loop; everything else begins in a thread of its
            own, and a coroutine that it returns, as of an `async def` behind an ordinary decorator, runs on the loop.
        on_conflict: What happens when somebody speaks before a reply does.
        quiet: Seconds of silence before it is run.
        timeout: Seconds for a run; `None`: as the settings say.
        max_attempts: How often a delivery is tried; `None`: as the settings say.
        on_give_up: Said when that was in vain; or what is run then to say something.
        interrupt: Found in a new message, it ends a run in that chat, and the handler is run again.
    """

    id: HandlerId
    function: Callable[..., Any]
    subscription: Subscription
    is_async: bool
    on_conflict: ConflictPolicy = "rerun"
    quiet: float = 0.0
    timeout: float | None = None
    max_attempts: int | None = None
    on_give_up: str | Callable[..., Any] | None = None
    interrupt: ContentPattern | None = None

    def giving_up(self) -> Handler:
        """The handler whose function is that of `on_give_up`."""
        function = self.on_give_up
        assert callable(function)
        return dataclasses.replace(self, function=function, is_async=is_coroutine_function(function))


class HandlerOptions(TypedDict):
    """What a decorator says besides the subscription; names as in `Handler`."""

    on_conflict: ConflictPolicy
    quiet: float
    timeout: float | None
    max_attempts: int | None
    on_give_up: str | Callable[..., Any] | None
    interrupt: ContentPattern | None
