"""
May this agent speak again? Pure.

Two agents that answer each other go on for ever; so does a ring of any size, and a slow one is no better. What is
counted is therefore what was said since a human last spoke in the chat, however long ago, and what was said lately.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mycel_runtime.journal.own_sends import Unattended
    from mycel_runtime.settings import GuardSettings


def reason_to_hold(
    said: Unattended, settings: GuardSettings, *, is_sender_unknown: bool = False
) -> str | None:
    """
    Why one more message is too much; `None`: it is not.

    Args:
        said: Without a human in view, before this message.
        settings: `[guard]`.
        is_sender_unknown: Nobody can tell whether a human is in view (Q20). That is no turn without one; it may be a
            flood all the same.
    """
    if said.turns >= settings.turns and not is_sender_unknown:
        return f"{said.turns} turns without a human"
    if said.chat_sends >= settings.chat_sends:
        return f"{said.chat_sends} messages within {settings.window:g} s without a human"
    if said.plugin_sends >= settings.plugin_sends:
        return f"{said.plugin_sends} messages of the plugin within {settings.window:g} s without a human"
    return None
