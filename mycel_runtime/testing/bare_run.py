"""
A run of a handler without any server: a handler is called as the function that it is.

What a handler is shown is given, what it does is kept, and nothing goes wrong. Each kind of context has its own:
`bare_request`, `bare_event`, `bare_timer` and `bare_hook`; for messages there is `BareChat`.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar, cast

import structlog
from typing_extensions import override

from mycel_runtime.journal.changes import Item
from mycel_runtime.plugin.context_run import ContextRun
from mycel_runtime.plugin.json_text import json_text
from mycel_runtime.plugin.plain_context import plain_context
from mycel_runtime.plugin.plugin_state import PluginState
from mycel_runtime.plugin.stored_items import StoredItems
from mycel_runtime.testing.bare_message import CHAT, ME
from mycel_runtime.testing.bare_runtime import BareRuntime, calls_of, waiting_for

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from mycel_runtime.journal.changes import NewTimer
    from mycel_runtime.plugin.message import Message
    from mycel_runtime.sdk import AsyncClient
    from mycel_runtime.testing.bare_runtime import BareQuestion

Awaited = TypeVar("Awaited", bound=Any)
Plain = TypeVar("Plain")

HANDLER_SECONDS: Final = 120.0
"""As `[dispatch] handler_timeout` by default."""


class BareRun(Generic[Awaited, Plain]):
    """
    One run, with nothing behind it.

    Args:
        store: What the plugin remembers; as a run changes it, `ctx.store` shows it.
        timers: Names that the plugin has handlers for.
        questions: Names of the questions whose answers it handles.
        settings: What `ctx.settings` is: an instance of the plugin's model.
        attempt: What `ctx.attempt` is.
        unread: What `ctx.read` returns of chats, by their ids: texts of Ada's, or messages as `said` makes them.
        sdk: Whose calls `ctx.sdk` makes, for example `ada.sdk` of a `mycel`; without it they are refused.

    Attributes:
        ctx: For an `async def` handler.
        deeds: What was done, in order, for example `approve` or `reject: no magic word`.
        elsewhere: What was said by `ctx.say`: each chat's id with the text.
        asked: What was asked by `ctx.ask`.
    """

    ctx: Awaited

    def __init__(
        self,
        *,
        store: Mapping[str, Any] | None = None,
        timers: Collection[str] = (),
        questions: Collection[str] = (),
        settings: Any = None,
        attempt: int = 1,
        unread: Mapping[str, Sequence[str | Message]] | None = None,
        sdk: AsyncClient | None = None,
    ) -> None:
        self.deeds: list[str] = []
        self.elsewhere: list[tuple[str, str]] = []
        self.asked: list[BareQuestion] = []
        self._state, self._waiting = state_of(store, None, timers, questions), waiting_for(sdk)
        self._shown = shown(settings, attempt) | {
            "_run": ContextRun(self._state, calls_of(sdk)),
            "_runtime": BareRuntime(self.elsewhere, unread or {}, self.asked, questions),
        }

    @override
    def __repr__(self) -> str:
        return f"<{type(self).__name__} {', '.join(self.deeds) or 'nothing was done'}>"

    @property
    def sync_ctx(self) -> Plain:
        """The same run, for a plain function; with an `sdk` in a thread: `await asyncio.to_thread(f, sync_ctx)`."""
        return cast("Plain", plain_context(self.ctx, self._waiting))

    @property
    def planned(self) -> Sequence[NewTimer]:
        """The timers that were set."""
        planned: Sequence[NewTimer] = self.ctx.run.timers.planned()
        return planned

    def assert_deeds(self, *expected: str) -> None:
        """
        Nothing else was done, and in this order.

        Raises:
            AssertionError: It was otherwise; shows the whole run.
        """
        __tracebackhide__ = True
        if self.deeds != list(expected):
            raise AssertionError(f"expected {_listed(expected)}\n{self.report()}")

    def report(self) -> str:
        """What was shown, done, remembered and planned, for a person."""
        lines = [
            f"shown:      {self._described()}",
            f"done:       {_listed(self.deeds)}",
            f"remembered: {dict(self.ctx.store)}",
            f"planned:    {_listed(f'{timer.name} {timer.key}'.rstrip() for timer in self.planned)}",
        ]
        return "\n".join(lines)

    def _described(self) -> str:
        return type(self).__name__.removeprefix("Bare")


def shown(settings: Any, attempt: int) -> dict[str, Any]:
    """What every context shows."""
    return {
        "me": ME,
        "settings": {} if settings is None else settings,
        "log": structlog.get_logger(),
        "deadline": time.monotonic() + HANDLER_SECONDS,
        "attempt": attempt,
    }


def state_of(
    store: Mapping[str, Any] | None,
    chat_store: Mapping[str, Any] | None,
    timers: Collection[str],
    questions: Collection[str],
) -> PluginState:
    """What a plugin remembers, in memory."""
    return PluginState(
        items=_items(store or {}),
        chat_id=CHAT,
        chat_items=_items(chat_store or {}),
        timer_names=frozenset(timers),
        question_names=frozenset(questions),
    )


def _items(values: Mapping[str, Any]) -> StoredItems:
    return StoredItems(
        {key: Item(json_text(value, f"the value of {key!r}"), 1) for key, value in values.items()}
    )


def _listed(texts: Any) -> str:
    return ", ".join(map(repr, texts)) or "nothing"
