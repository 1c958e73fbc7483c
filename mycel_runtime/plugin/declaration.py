"""What an author has written at a decorator, checked there: one who starts is told at once, and by name."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, cast

from pydantic import BaseModel

from mycel_runtime.errors import ArgumentError, PluginError
from mycel_runtime.journal.tool_handlers import TOOLS
from mycel_runtime.plugin.callables import problem_of
from mycel_runtime.plugin.handler import HandlerOptions
from mycel_runtime.plugin.pattern import ContentPattern, PatternError
from mycel_runtime.plugin.schedule import ScheduleError
from mycel_runtime.plugin.subscription import MessageSubscription, ScheduleSubscription
from mycel_runtime.wire.arguments import require_sayable

if TYPE_CHECKING:
    from collections.abc import Callable

    from mycel_runtime.plugin.schedule import Schedule

_DAY_SECONDS: Final = 86_400

_MOST_ATTEMPTS: Final = 100
"""As of `[dispatch] max_attempts`."""

_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")

_OF_NAMES: Final = "Use letters, digits, '-' and '_', beginning with a letter, 64 at most."

_MOST_ORDER: Final = 1_000_000


class Declaration:
    """
    Of one plugin.

    Every method returns what was written, or raises `PluginError`.

    Args:
        plugin: Its name.
    """

    def __init__(self, plugin: str) -> None:
        self._plugin = plugin

    def choice(self, value: Any, allowed: tuple[str, ...], key: str) -> Any:
        """One of a few words."""
        if value not in allowed:
            raise PluginError(
                f"plugin {self._plugin!r}: {key}={value!r} is no filter",
                fix=f"Use one of {', '.join(allowed)}.",
            )
        return value

    def seconds(self, value: Any, key: str) -> float:
        """A time to wait, at most a day."""
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _DAY_SECONDS:
            raise PluginError(
                f"plugin {self._plugin!r}: {key}={value!r} is no number of seconds from 0 to {_DAY_SECONDS}",
                fix=f"Give seconds, for example {key}=2.0.",
            )
        return float(value)

    def name(self, value: Any, noun: str) -> str:
        """What one handler is called by."""
        if not _is_name(value):
            raise PluginError(f"plugin {self._plugin!r}: {value!r} is no {noun}'s name", fix=_OF_NAMES)
        return cast("str", value)

    def messages(
        self, *, chat: Any, mention: Any, sender: Any, pattern: Any, notifications: Any
    ) -> MessageSubscription:
        """Filters of messages."""
        return MessageSubscription(
            chat=self.choice(chat, ("any", "direct", "group"), "chat"),
            mention=self.flag(mention, "mention"),
            sender=self.choice(sender, ("any", "human", "agent"), "sender"),
            pattern=self.pattern(pattern, "pattern"),
            notifications=self.flag(notifications, "notifications"),
        )

    def schedule(self, make: Callable[[], Schedule], *, catch_up: Any) -> ScheduleSubscription:
        """Times that come again and again."""
        try:
            return ScheduleSubscription(schedule=make(), catch_up=self.flag(catch_up, "catch_up"))
        except ScheduleError as exc:
            raise PluginError(
                f"plugin {self._plugin!r}: {exc}",
                fix='For example @plugin.every(minutes=10) or @plugin.cron("0 9 * * mon-fri", timezone="UTC").',
            ) from exc

    def options(
        self,
        *,
        timeout: Any,
        max_attempts: Any = None,
        on_conflict: Any = "rerun",
        quiet: Any = 0.0,
        on_give_up: Any = None,
        interrupt: Any = None,
    ) -> HandlerOptions:
        """What is said besides the subscription; by default as of `Handler`."""
        return HandlerOptions(
            on_conflict=self.choice(on_conflict, ("rerun", "repeat", "raise", "drop"), "on_conflict"),
            quiet=self.seconds(quiet, "quiet"),
            timeout=self.timeout(timeout),
            max_attempts=self.attempts(max_attempts),
            on_give_up=self.last_words(on_give_up),
            interrupt=self.pattern(interrupt, "interrupt"),
        )

    def timeout(self, value: Any) -> float | None:
        """A time that a run may take."""
        if value is None:
            return None
        if (seconds := self.seconds(value, "timeout")) > 0:
            return seconds
        raise PluginError(
            f"plugin {self._plugin!r}: timeout={value!r} would end each run before it begins",
            fix="Give seconds, for example timeout=30.0.",
        )

    def attempts(self, value: Any) -> int | None:
        """A number of attempts."""
        is_number = isinstance(value, int) and not isinstance(value, bool)
        if value is None or (is_number and 1 <= value <= _MOST_ATTEMPTS):
            return cast("int | None", value)
        raise PluginError(
            f"plugin {self._plugin!r}: max_attempts={value!r} is no number of attempts from 1 to {_MOST_ATTEMPTS}",
            fix="Give a whole number, for example max_attempts=3.",
        )

    def order(self, value: Any) -> int:
        """A place among the hooks of all plugins."""
        if isinstance(value, int) and not isinstance(value, bool) and abs(value) <= _MOST_ORDER:
            return value
        raise PluginError(
            f"plugin {self._plugin!r}: order={value!r} is no whole number from -{_MOST_ORDER} to {_MOST_ORDER}",
            fix="Give a whole number, for example order=-10: lower ones start earlier, and stop later.",
        )

    def last_words(self, value: Any) -> str | Callable[..., Any] | None:
        """A text, or what can be called with a context."""
        if value is None:
            return None
        if isinstance(value, str):
            try:
                require_sayable(value, "on_give_up")
            except ArgumentError as exc:
                raise PluginError(f"plugin {self._plugin!r}: {exc.problem}", fix=exc.fix) from None
            return value
        if (problem := problem_of(value)) is not None:
            raise PluginError(
                f"plugin {self._plugin!r}: on_give_up {problem}",
                fix="Give a text, or a function: async def name(ctx): …",
            )
        return cast("Callable[..., Any]", value)

    def flag(self, value: Any, key: str) -> bool:
        """Yes or no; a text, `"false"` for example, would count as yes."""
        if isinstance(value, bool):
            return value
        raise PluginError(
            f"plugin {self._plugin!r}: {key}={value!r} is neither True nor False",
            fix=f"Give one of them: {key}=True.",
        )

    def number(self, value: Any, key: str) -> float:
        """A part of an interval."""
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
        raise PluginError(
            f"plugin {self._plugin!r}: {key}={value!r} is no number",
            fix=f"Give a number, for example {key}=10.",
        )

    def text(self, value: Any, what: str, fix: str) -> str:
        """What is given where a decorator needs a text, be it the function because the parentheses were forgotten."""
        if isinstance(value, str) and value:
            return value
        given = "an empty text" if value == "" else "a function" if callable(value) else f"{value!r}"
        raise PluginError(f"plugin {self._plugin!r}: {given} is no {what}", fix=fix)

    def model(self, value: Any) -> type[BaseModel] | None:
        """What a plugin's table is checked by."""
        if value is None or (isinstance(value, type) and issubclass(value, BaseModel)):
            return value
        raise PluginError(
            f"plugin {self._plugin!r}: settings= is {_kind(value)}, and no pydantic model",
            fix="Give the class: class Settings(BaseModel): …, and Plugin(…, settings=Settings).",
        )

    def pattern(self, pattern: str | None, key: str) -> ContentPattern | None:
        """A regular expression."""
        if not isinstance(pattern, str | None):
            raise PluginError(
                f"plugin {self._plugin!r}: {key} is {_kind(pattern)}, not a text",
                fix=f'Give the expression itself: {key}="^!".',
            )
        try:
            return None if pattern is None else ContentPattern(pattern)
        except PatternError as exc:
            raise PluginError(
                f"plugin {self._plugin!r}: {key} {pattern!r}: {exc}",
                fix="Mend the expression, or look at the messages in the handler.",
            ) from exc


def require_plugin_name(name: Any) -> str:
    """
    A plugin's name as it was given.

    Raises:
        PluginError: It is not well formed, or not to be had.
    """
    if not _is_name(name):
        raise PluginError(f"{name!r} is no plugin name", fix=_OF_NAMES)
    if name == TOOLS:
        raise PluginError(
            f"no plugin may be called {name!r}: so are the tools of `mycel-runtime mcp`",
            fix="Give it another name.",
        )
    return cast("str", name)


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and _NAME.fullmatch(value) is not None


def _kind(value: Any) -> str:
    return f"the class {value.__name__}" if isinstance(value, type) else f"of type {type(value).__name__}"
