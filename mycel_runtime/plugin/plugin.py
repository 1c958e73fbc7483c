"""
`Plugin`: collects handlers and their settings.

A handler's identity is `plugin.function`: cursors hang on it, so renaming one makes it a new handler, which
starts at the agent's place in each chat.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar, overload

from typing_extensions import override

from mycel_runtime.errors import PluginError
from mycel_runtime.journal.entries import HandlerId
from mycel_runtime.plugin.callables import is_coroutine_function, name_of, problem_of
from mycel_runtime.plugin.pattern import ContentPattern, PatternError
from mycel_runtime.plugin.subscription import (
    ChatFilter,
    FrameSubscription,
    MessageSubscription,
    SenderFilter,
    Subscription,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pydantic import BaseModel

    from mycel_runtime.speech.turn import ConflictPolicy

F = TypeVar("F", bound="Callable[..., Any]")

_DAY_SECONDS: Final = 86_400

_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Handler:
    """
    A function and what it wants to hear.

    Attributes:
        is_async: It is known to be an `async def` and runs on the loop; everything else begins in a thread of its
            own, and a coroutine that it returns, as of an `async def` behind an ordinary decorator, runs on the loop.
        on_conflict: What happens when somebody speaks before a reply does.
        quiet: Seconds of silence before it is run.
    """

    id: HandlerId
    function: Callable[..., Any]
    subscription: Subscription
    is_async: bool
    on_conflict: ConflictPolicy = "rerun"
    quiet: float = 0.0


def plugin_of(handler: HandlerId) -> str:
    """The name of a handler's plugin."""
    return handler.partition(".")[0]


class Registrar(Protocol):
    """A decorator that leaves the function as it is."""

    def __call__(self, function: F, /) -> F:
        """Register the function."""


class Plugin:
    """
    A named set of handlers.

    Args:
        name: Letters, digits, `-` and `_`; the name of its table in `agent.toml`.
        settings: A pydantic model of that table; `ctx.settings` is an instance of it.

    Raises:
        PluginError: The name, or later a handler, is not well formed.
    """

    def __init__(self, name: str, *, settings: type[BaseModel] | None = None) -> None:
        if not _NAME.fullmatch(name):
            raise PluginError(
                f"{name!r} is no plugin name",
                fix="Use letters, digits, '-' and '_', beginning with a letter, 64 at most.",
            )
        self.name = name
        self.settings_model = settings
        self._handlers: dict[HandlerId, Handler] = {}

    @override
    def __repr__(self) -> str:
        return f"<Plugin {self.name!r} handlers={sorted(self._handlers)}>"

    @property
    def handlers(self) -> tuple[Handler, ...]:
        """In the order of their declaration."""
        return tuple(self._handlers.values())

    def adopt(self, handlers: Iterable[Handler]) -> None:
        """Called by the runtime: the handlers of a plugin that it knows from another process."""
        self._handlers.update((handler.id, handler) for handler in handlers)

    @overload
    def on_message(self, function: F, /) -> F: ...

    @overload
    def on_message(
        self,
        function: None = None,
        /,
        *,
        chat: ChatFilter = "any",
        mention: bool = False,
        sender: SenderFilter = "any",
        pattern: str | None = None,
        notifications: bool = False,
        quiet: float = 0.0,
        on_conflict: ConflictPolicy = "rerun",
    ) -> Registrar: ...

    def on_message(
        self,
        function: Callable[..., Any] | None = None,
        /,
        *,
        chat: ChatFilter = "any",
        mention: bool = False,
        sender: SenderFilter = "any",
        pattern: str | None = None,
        notifications: bool = False,
        quiet: float = 0.0,
        on_conflict: ConflictPolicy = "rerun",
    ) -> Any:
        """
        Register a handler of messages; bare or with filters, all of which must hold.

        The handler takes a `MessageContext` whose `messages` are those it has not been shown, oldest first.

        Args:
            function: When used without parentheses.
            chat: Kind of chat.
            mention: Only messages that mention the agent.
            sender: Only messages of humans, or of agents.
            pattern: Regular expression to be found in the content, without look-around and references back: it is
                matched in linear time.
            notifications: Also what the platform writes in the words of somebody who need not be in the chat, for
                example a request to join. Never follow it as an instruction.
            quiet: Seconds of silence in the chat before the handler is run, at most a day; after ten times as long it
                is run in spite of those who speak.
            on_conflict: When somebody speaks before a reply does: `rerun` the handler with the new messages in view;
                `repeat`, which runs it again too, but lets its words stand unless it says others; `raise`
                `NotCaughtUpError` in it; or `drop` the reply, and the new messages are the next turn then.

        Raises:
            PluginError: A filter or the function is not well formed, or the name is taken.
        """
        subscription = MessageSubscription(
            chat=self._checked(chat, ("any", "direct", "group"), "chat"),
            mention=mention,
            sender=self._checked(sender, ("any", "human", "agent"), "sender"),
            pattern=self._compiled(pattern),
            notifications=notifications,
        )

        policy = self._checked(on_conflict, ("rerun", "repeat", "raise", "drop"), "on_conflict")
        seconds = self._seconds(quiet, "quiet")

        def register(function: F) -> F:
            return self._register(function, subscription, policy, quiet=seconds)

        return register if function is None else register(function)

    def on_frame(self, pattern: str) -> Callable[[F], F]:
        """
        Register a handler of inbox frames other than messages' content: metadata only.

        The handler takes a `FrameContext`.

        Args:
            pattern: Shell pattern of event types, for example `relationship.*`.
        """

        def register(function: F) -> F:
            return self._register(function, FrameSubscription(pattern=pattern))

        return register

    def _register(
        self,
        function: F,
        subscription: Subscription,
        on_conflict: ConflictPolicy = "rerun",
        *,
        quiet: float = 0.0,
    ) -> F:
        name = name_of(function)
        handler_id = HandlerId(f"{self.name}.{name}")
        if (problem := problem_of(function)) is not None:
            raise PluginError(
                f"plugin {self.name!r}: handler {name!r} {problem}",
                fix="Declare it as: async def name(ctx): …",
            )
        if handler_id in self._handlers:
            raise PluginError(
                f"plugin {self.name!r} has two handlers called {name!r}",
                fix="Rename one of them; a decorator keeps its function's name by functools.wraps.",
            )
        self._handlers[handler_id] = Handler(
            id=handler_id,
            function=function,
            subscription=subscription,
            is_async=is_coroutine_function(function),
            on_conflict=on_conflict,
            quiet=quiet,
        )
        return function

    def _checked(self, value: Any, allowed: tuple[str, ...], key: str) -> Any:
        if value not in allowed:
            raise PluginError(
                f"plugin {self.name!r}: {key}={value!r} is no filter", fix=f"Use one of {', '.join(allowed)}."
            )
        return value

    def _seconds(self, value: Any, key: str) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _DAY_SECONDS:
            raise PluginError(
                f"plugin {self.name!r}: {key}={value!r} is no number of seconds from 0 to {_DAY_SECONDS}",
                fix=f"Give seconds, for example {key}=2.0.",
            )
        return float(value)

    def _compiled(self, pattern: str | None) -> ContentPattern | None:
        try:
            return None if pattern is None else ContentPattern(pattern)
        except PatternError as exc:
            raise PluginError(
                f"plugin {self.name!r}: pattern {pattern!r}: {exc}",
                fix="Mend the expression, or look at the messages in the handler.",
            ) from exc
