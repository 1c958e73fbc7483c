"""
Plugins that fail and fail are left alone for a while, so that their work waits instead of becoming dead letters.

Counted per plugin, over all its handlers and chats, since its last success. After the time one delivery is tried: if
it succeeds the plugin is back, if not it waits again. One that says itself that what it
needs is not there is left alone at once. Not persisted: a restart is how a mended plugin comes in. One
that could not even be imported waits for that, too; one whose handlers do not return, until one of them does.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from mycel_runtime.dispatch.verdict import Failed, Overtaken, Quarantined, Returned, Waiting
from mycel_runtime.journal.ids import plugin_of
from mycel_runtime.observe.facts import PluginClogged, PluginQuarantined, PluginReleased, PluginUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from mycel_runtime.dispatch.verdict import Result
    from mycel_runtime.journal.ids import HandlerId
    from mycel_runtime.observe.observer import Observer
    from mycel_runtime.settings import DispatchSettings


MOST_OUTLIVING: Final = 16
"""Runs of an agent's plugin that go on after their deadline: the threads of a process have an end."""

_CLOGGED_SECONDS: Final = 30.0
"""Until it is looked at again whether one of them has ended."""


class Quarantine:
    """
    Who is left alone, and until when.

    Args:
        settings: `[dispatch]`.
        observer: Told when a plugin is left alone, and when it is back.
        clock: Epoch seconds.
        outliving: How many runs of a plugin's handlers have outlived their deadline and go on.
    """

    def __init__(
        self,
        settings: DispatchSettings,
        *,
        observer: Observer,
        clock: Callable[[], float],
        outliving: Callable[[str], int],
    ) -> None:
        self._outliving = outliving
        self._clogged: set[str] = set()
        self._settings = settings
        self._observer = observer
        self._clock = clock
        self._failures: Counter[str] = Counter()
        self._until: dict[str, float] = {}
        self._reasons: dict[str, str] = {}
        self._on_trial: set[str] = set()
        self._refused: frozenset[str] = frozenset()

    def use(self, settings: DispatchSettings) -> None:
        """From now on: `[dispatch]` was reloaded."""
        self._settings = settings

    @property
    def plugins(self) -> Mapping[str, float]:
        """Plugins that are left alone, with the time of their next try, or of the next look at their work."""
        later = self._clock() + self._settings.quarantine_time
        return dict.fromkeys(self._refused | self._clogged, later) | self._until

    @property
    def reasons(self) -> Mapping[str, str]:
        """What those lack that have said so themselves, and what is to be done."""
        return dict(self._reasons)

    @property
    def time(self) -> float:
        """Seconds for which a plugin is left alone."""
        return self._settings.quarantine_time

    def keep_out(self, plugins: Iterable[str]) -> None:
        """Let the work of plugins that could not be imported wait for as long as this process lives."""
        self._refused |= frozenset(plugins)

    def refuse(self, handler: HandlerId) -> Quarantined | None:
        """What becomes of a delivery that must wait; `None`: it may run. At the time, one delivery is let through."""
        plugin = plugin_of(handler)
        if plugin in self._refused:
            return Quarantined(plugin=plugin, retry_after=self._settings.quarantine_time)
        if self._is_clogged(plugin):
            return Quarantined(
                plugin=plugin, retry_after=min(_CLOGGED_SECONDS, self._settings.quarantine_time)
            )
        until = self._until.get(plugin)
        if until is None:
            return None
        left = until - self._clock()
        # Not longer than from now on: the clock may have been set back.
        if left > self._settings.quarantine_time:
            left = self._settings.quarantine_time
            self._until[plugin] = self._clock() + left
        if left > 0:
            return Quarantined(plugin=plugin, retry_after=left)
        self._until[plugin] = self._clock() + self._settings.quarantine_time
        self._on_trial.add(plugin)
        return None

    def note(self, handler: HandlerId, result: Result) -> None:
        """How a run ended. Answers of the handler (`Retry`, `Reject`) and the backend's trouble count for nothing."""
        plugin = plugin_of(handler)
        is_trial = plugin in self._on_trial and plugin in self._until
        self._on_trial.discard(plugin)
        match result:
            case Waiting() | Overtaken() if is_trial:
                # Nothing was run: the next one is tried in its place.
                self._until[plugin] = self._clock()
            case Returned():
                self._failures[plugin] = 0
                self.release(plugin)
            case Failed(is_unavailable=True, letter=letter):
                self._note_unavailable(plugin, letter.reason)
            case Failed(is_answer=False):
                self._failures[plugin] += 1
                if self._failures[plugin] >= self._settings.quarantine_after:
                    self._leave_alone(plugin)
            case _:
                pass

    def release(self, plugin: str) -> bool:
        """Let it run again. False: it was not left alone."""
        self._failures[plugin] = 0
        self._reasons.pop(plugin, None)
        if self._until.pop(plugin, None) is None:
            return False
        self._observer.tell(PluginReleased(plugin=plugin))
        return True

    def _is_clogged(self, plugin: str) -> bool:
        """Whether so many of its runs go on after their deadline that another one would be at everybody's expense."""
        outliving = self._outliving(plugin)
        if outliving < MOST_OUTLIVING:
            if plugin in self._clogged:
                self._clogged.discard(plugin)
                self._observer.tell(PluginReleased(plugin=plugin))
            return False
        if plugin not in self._clogged:
            self._clogged.add(plugin)
            self._observer.tell(PluginClogged(plugin=plugin, runs=outliving))
        return True

    def _note_unavailable(self, plugin: str, reason: str) -> None:
        """Told once, however many of its runs say so and however often it is tried, unless the reason is another."""
        is_new = self._reasons.get(plugin) != reason
        self._reasons[plugin] = reason
        self._until[plugin] = self._clock() + self._settings.quarantine_time
        if is_new:
            self._observer.tell(
                PluginUnavailable(plugin=plugin, reason=reason, retry_in=self._settings.quarantine_time)
            )

    def _leave_alone(self, plugin: str) -> None:
        is_new = plugin not in self._until
        self._until[plugin] = self._clock() + self._settings.quarantine_time
        if is_new:
            self._observer.tell(
                PluginQuarantined(
                    plugin=plugin,
                    failures=self._failures[plugin],
                    retry_in=self._settings.quarantine_time,
                )
            )
