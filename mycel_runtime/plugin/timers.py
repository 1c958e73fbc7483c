"""
What a plugin plans: calls of its `@plugin.on_timer` handlers at a time.

Nothing is planned while the handler runs: timers are set and cancelled in the commit that ends its delivery, or not
at all.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from typing_extensions import override

from mycel_runtime.errors import ArgumentError
from mycel_runtime.journal.changes import NewTimer, TimerKey
from mycel_runtime.plugin.json_text import json_text
from mycel_runtime.plugin.store import KEY_CHARACTERS
from mycel_runtime.wire.arguments import require_storable

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

LONGEST_SECONDS: Final = 10 * 366 * 86_400.0
"""A timer may be set so far ahead."""


_NUMBERS: Final = (int, float)


class Timers:
    """
    `ctx.timers` of a plugin.

    A timer is known by its name and key; one that is set again takes the place of the one before. It calls the
    plugin's `@plugin.on_timer(name)` handler once: late rather than never, and as journalled work, so that a run that
    fails is tried again.

    Args:
        names: That the plugin handles.
        clock: Epoch seconds.
        require_open: Raises when the run is over.
    """

    def __init__(
        self, names: Collection[str], *, clock: Callable[[], float], require_open: Callable[[], None]
    ) -> None:
        self._names = names
        self._clock = clock
        self._require_open = require_open
        self._set: dict[tuple[str, str], NewTimer] = {}
        self._cancelled: dict[tuple[str, str], None] = {}

    @override
    def __repr__(self) -> str:
        return f"<Timers set={len(self._set)} cancelled={len(self._cancelled)}>"

    def set(
        self,
        name: str,
        *,
        after: float | timedelta | None = None,
        at: datetime | None = None,
        data: Any = None,
        key: str = "",
    ) -> None:
        """
        Plan a call of `@plugin.on_timer(name)`, once the delivery ends well.

        Args:
            name: Of a timer that the plugin handles.
            after: Seconds from now, or a `timedelta`; not longer because the clock is set back.
            at: Or a time of the clock, with its time zone. A time that is past is due at once.
            data: What the handler is given as `ctx.data`: JSON, or a pydantic model; 64 KiB at most.
            key: Tells the timers of one name apart: whom or what it is about. 256 characters at most.

        Raises:
            ArgumentError: Nobody handles the name; or the time, the data or the key is none.
            ContextEndedError: The run is over.
        """
        self._require_timer(name, key)
        due_at, text = _due_at(after, at, self._clock()), json_text(data, "a timer's data")
        self._set[name, key] = NewTimer(name, key, due_at, text, at is None)

    def cancel(self, name: str, *, key: str = "") -> None:
        """
        Take a timer back, once the delivery ends well, be it that its time has come and its handler does not run yet.

        It need not be there; one whose handler runs, or has said something, is not taken back.

        Args:
            name: Of a timer that the plugin handles.
            key: As it was set.

        Raises:
            ArgumentError: Nobody handles the name; or the key is none.
            ContextEndedError: The run is over.
        """
        self._require_timer(name, key)
        self._set.pop((name, key), None)
        self._cancelled[name, key] = None

    def planned(self) -> tuple[NewTimer, ...]:
        """Called by the runtime: what the run has set."""
        return tuple(self._set.values())

    def cancelled(self) -> tuple[TimerKey, ...]:
        """Called by the runtime: what the run has cancelled, before it has set anything."""
        return tuple(TimerKey(*each) for each in self._cancelled) if self._cancelled else ()

    def _require_timer(self, name: str, key: str) -> None:
        self._require_open()
        if name not in self._names:
            raise ArgumentError(
                "the plugin handles no timer of this name",
                fix='Declare its handler: @plugin.on_timer("name").',
            )
        require_storable(key, "a timer's key")
        if len(key) > KEY_CHARACTERS:
            raise ArgumentError(
                f"a timer's key has {len(key):,} characters, and {KEY_CHARACTERS} are the most",
                fix="Choose a shorter one.",
            )


def _due_at(after: float | timedelta | None, at: datetime | None, now: float) -> float:
    if (after is None) == (at is None):
        raise ArgumentError("a timer needs either `after` or `at`", fix="Give one of them.")
    seconds = _seconds_until(at, now) if at is not None else _seconds(after)
    if not seconds <= LONGEST_SECONDS:
        raise ArgumentError("a timer's time is more than ten years ahead", fix="Choose an earlier one.")
    return now + seconds


def _seconds_until(at: Any, now: float) -> float:
    if not isinstance(at, datetime) or at.tzinfo is None:
        raise ArgumentError(
            "`at` is no time with a time zone", fix="For example datetime.now(UTC) + timedelta(days=1)."
        )
    return at.timestamp() - now


def _seconds(after: Any) -> float:
    seconds = after.total_seconds() if isinstance(after, timedelta) else after
    if isinstance(seconds, bool) or not isinstance(seconds, _NUMBERS) or not seconds >= 0:
        raise ArgumentError("`after` is no number of seconds from 0 on", fix="Give seconds, or a timedelta.")
    return float(seconds)
