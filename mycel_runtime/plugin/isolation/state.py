"""What a plugin remembers and plans, on its way to the plugin's own process and back."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from mycel_runtime.journal.changes import Changes, Item, ItemChange, NewTimer, TimerKey
from mycel_runtime.plugin.isolation.messages import (
    ChangedItem,
    GivenState,
    KeptItem,
    MadeChanges,
    PlannedTimer,
    ProtocolError,
)
from mycel_runtime.plugin.plugin_state import PluginState
from mycel_runtime.plugin.stored_items import StoredItems

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mycel_runtime.wire.ids import ChatId


def state_said(state: PluginState) -> GivenState:
    """What a run is given, as it is now: in another process nothing appears in it any more."""
    return GivenState(
        items=_said(state.items),
        chat_items=_said(state.chat_items),
        timer_names=tuple(sorted(state.timer_names)),
        question_names=tuple(sorted(state.question_names)),
        now=state.clock(),
        is_still=state.is_still,
    )


def state_from(said: GivenState, chat_id: ChatId | None) -> PluginState:
    """The state of a run in this process, which begins now by the runtime's clock."""
    return PluginState(
        items=_kept(said.items),
        chat_id=chat_id,
        chat_items=_kept(said.chat_items),
        timer_names=frozenset(said.timer_names),
        question_names=frozenset(said.question_names),
        clock=_clock_from(said.now, is_still=said.is_still),
    )


def changes_said(changes: Changes) -> MadeChanges:
    """What a run has changed."""
    return MadeChanges(
        items=tuple(
            ChangedItem(
                is_of_chat=item.chat_id is not None, key=item.key, value=item.value, made_from=item.made_from
            )
            for item in changes.items
        ),
        timers=tuple(
            PlannedTimer(
                name=timer.name,
                key=timer.key,
                due_at=timer.due_at,
                data=timer.data,
                is_relative=timer.is_relative,
            )
            for timer in changes.timers
        ),
        cancelled=tuple((timer.name, timer.key) for timer in changes.cancelled),
    )


def changes_from(said: MadeChanges, state: PluginState) -> Changes:
    """
    What a run has changed in its plugin's process, which may say anything.

    Raises:
        ProtocolError: It is about a chat, and the run is not, or about timers that the plugin does not handle; or
            what is to be kept is no JSON.
    """
    for text in (*(item.value for item in said.items), *(timer.data for timer in said.timers)):
        _require_json(text)
    names = {timer.name for timer in said.timers} | {name for name, _ in said.cancelled}
    if not names <= state.timer_names or (
        state.chat_id is None and any(item.is_of_chat for item in said.items)
    ):
        raise ProtocolError("a plugin's process has changed what its run cannot")
    return Changes(
        items=tuple(
            ItemChange(
                chat_id=state.chat_id if item.is_of_chat else None,
                key=item.key,
                value=item.value,
                made_from=item.made_from,
            )
            for item in said.items
        ),
        timers=tuple(NewTimer(**timer.model_dump()) for timer in said.timers),
        cancelled=tuple(TimerKey(name, key) for name, key in said.cancelled),
    )


def _require_json(text: str | None) -> None:
    try:
        json.loads(text or "null")
    except (ValueError, RecursionError):
        raise ProtocolError("a plugin's process would have kept what is no JSON") from None


def _said(items: Mapping[str, Item]) -> dict[str, KeptItem]:
    return {key: KeptItem(value=item.value, version=item.version) for key, item in items.items()}


def _kept(said: Mapping[str, KeptItem]) -> StoredItems:
    return StoredItems({key: Item(item.value, item.version) for key, item in said.items()})


def _clock_from(now: float, *, is_still: bool) -> Callable[[], float]:
    if is_still:
        return lambda: now
    began = time.monotonic()
    return lambda: now + time.monotonic() - began
