"""
How far a run has come, as its context knows it: open or over, what it has changed, what it has never awaited.

A reply that nobody awaits is never said, and its message is not answered; a deed is not done.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from mycel_runtime.errors import ArgumentError, MycelError, ReplyNotAwaitedError
from mycel_runtime.journal.changes import UNCHANGED, Changes
from mycel_runtime.observe.traceback_text import calling_line
from mycel_runtime.plugin.plugin_state import NOTHING
from mycel_runtime.plugin.store import Store
from mycel_runtime.plugin.timers import Timers

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping, Sequence

    from mycel_runtime.errors import DeedNotAwaitedError
    from mycel_runtime.plugin.plugin_state import PluginState
    from mycel_runtime.plugin.port import SdkPort

T = TypeVar("T")

Unawaited: TypeAlias = "type[ReplyNotAwaitedError | DeedNotAwaitedError]"
"""What is raised where a deed is not awaited."""


class ContextEndedError(MycelError):
    """A context was used after its handler's run had ended."""

    def __init__(self) -> None:
        super().__init__(
            "this run of the handler has ended: keep no context beyond it, and await every reply within it"
        )


class Openness:
    """
    Whether a run goes on. All that its context hands out asks here, and not the run, which hands it out.

    So they do not hold each other: what a run was shown, and all that made it, is freed at once when it is over.

    Attributes:
        is_ended: It is over.
    """

    __slots__ = ("_note_use", "is_ended")

    def __init__(self) -> None:
        self.is_ended = False
        self._note_use: Callable[[], None] | None = None

    def end(self, note_use: Callable[[], None] | None = None) -> None:
        """From here on nothing is done any more; `note_use` is called for each time that it is asked for."""
        self.is_ended = True
        self._note_use = note_use

    def require_open(self) -> None:
        """
        Go on with what needs the runtime.

        Raises:
            ContextEndedError: The run is over.
        """
        if self.is_ended:
            if self._note_use is not None:
                self._note_use()
            raise ContextEndedError


class NoServer:
    """The `SdkPort` of a context that was made for a test."""

    async def call_sdk(self, name: str, arguments: Sequence[Any], options: Mapping[str, Any]) -> Any:
        """
        Nobody answers.

        Raises:
            ArgumentError: So it is.
        """
        del arguments, options
        raise ArgumentError(
            f"ctx.sdk.{name}: there is no server behind this context",
            fix="Give it a client, as BareChat(…, sdk=ada.sdk), or test with the fixture `mycel`, which has one.",
        )


class ContextRun:
    """
    One run, shared by the contexts that show it.

    Args:
        state: What it is given of what its plugin remembers.
        sdk: Carries out calls of the SDK.
        complete: Adds to what the run has changed what its port knows of.

    Attributes:
        store, chat_store, timers: As it sees and changes them.
        require_open: Raises `ContextEndedError` when the run is over.
    """

    def __init__(
        self,
        state: PluginState = NOTHING,
        sdk: SdkPort | None = None,
        complete: Callable[[Changes], Changes] = lambda changes: changes,
    ) -> None:
        self._begun: list[tuple[Coroutine[Any, Any, Any], Unawaited, str]] = []
        self._openness = Openness()
        self._changes: Changes | None = None
        self._is_given_up = False
        self._complete = complete
        self.state = state
        self.sdk = sdk or NoServer()
        self.require_open = self._openness.require_open
        self.store = Store(state.items, chat_id=None, require_open=self.require_open)
        self.chat_store = Store(state.chat_items, chat_id=state.chat_id, require_open=self.require_open)
        self.timers = Timers(state.timer_names, clock=state.clock, require_open=self.require_open)

    @property
    def changes(self) -> Changes:
        """What the run has changed, to be written down with its delivery's end."""
        if self._is_given_up:
            return UNCHANGED
        changes = self._collected() if self._changes is None else self._changes
        if self._openness.is_ended:
            # Nothing comes any more; the log of turns and the journal both ask.
            self._changes = changes
        return self._complete(changes)

    def _collected(self) -> Changes:
        items = self.store.changes() + self.chat_store.changes()
        planned, cancelled = self.timers.planned(), self.timers.cancelled()
        if not (items or planned or cancelled):
            return UNCHANGED
        return Changes(items, planned, cancelled)

    def take_changes(self, changes: Changes) -> None:
        """These are its changes: it has run in its plugin's own process."""
        self._changes = changes

    def give_up_changes(self) -> None:
        """It has not come to its end: it has changed nothing."""
        self._is_given_up = True

    def end(self, note_use: Callable[[], None] | None = None) -> None:
        """Called by the runtime when the run is over; `note_use`: whenever it is used nevertheless, on any thread."""
        self._openness.end(note_use)

    def begin(
        self, deed: Coroutine[Any, Any, T], unawaited: Unawaited = ReplyNotAwaitedError
    ) -> Coroutine[Any, Any, T]:
        """Hand this to the handler, which is to await it; else its run ends with that error, which tells the line."""
        left = (each for each in self._begun if _is_untouched(each[0]))
        self._begun = [*left, (deed, unawaited, calling_line())]
        return deed

    def require_awaited(self) -> None:
        """
        The handler has returned; what it has left and has not even begun to run, is not said any more.

        Raises:
            ReplyNotAwaitedError, DeedNotAwaitedError: There is such a one.
        """
        left = [each for each in self._begun if _is_untouched(each[0])]
        for deed, _, _ in left:
            deed.close()
        for _, unawaited, where in left:
            raise unawaited(where)


def _is_untouched(deed: Coroutine[Any, Any, Any]) -> bool:
    return inspect.getcoroutinestate(deed) == inspect.CORO_CREATED
