"""What a message asks an agent of a fleet for: `NUMBER KIND`."""

from __future__ import annotations

import os
from pathlib import Path

from tests.chaos.noting import VARIABLE

HERE = ("now", "now", "now", "late", "busy", "crash", "hang", "silent", "timer")
"""
By its share, of the plugin in the agent's process.

An answer at once; one that is late; one after some reckoning, for which everybody waits; one of the second run, where
the first fails, or never ends; none; one, and another one of a timer.
"""

APART = ("apart", "exit")
"""Of the plugin in a process of its own: an answer; one of the second run, where the first ends the process."""

ONCE = ("crash", "hang", "exit")
"""Something happens to the first run of each, on whichever host."""


def plugin_of(kind):
    """Whose answer it is."""
    return "apart" if kind in APART else "fleet"


def asked_of(plugin, messages):
    """Number and kind of each message that is to be answered by it, or asks it for nothing."""
    asked = [message.content.split() for message in messages]
    return [(number, kind) for number, kind in asked if plugin_of(kind) == plugin]


def is_first(number):
    """Whether no run has got here before with this message, on any host."""
    shown = Path(os.environ[VARIABLE])
    try:
        shown.with_name(f"{shown.name}-{number}").touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def failed(shown):
    """
    Numbers of the messages of which the first run has failed.

    Args:
        shown: Where handlers write what they are shown.
    """
    return {int(file.name.rpartition("-")[2]) for file in shown.parent.glob(f"{shown.name}-*")}
