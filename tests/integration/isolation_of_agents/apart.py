"""Another plugin of the agent that fails, in a process of its own; each of its handlers is killed at its deadline."""

from __future__ import annotations

import os
import time

from mycel_runtime import Plugin

plugin = Plugin("apart")
kept = []


@plugin.on_message(pattern="^spin", timeout=10, max_attempts=1)
def spin(ctx):
    """In a process of its own."""
    while True:
        pass


@plugin.on_message(pattern="^quit", max_attempts=3)
def quit_(ctx):
    """Without a word."""
    os._exit(3)


@plugin.on_message(pattern="^eat", timeout=10, max_attempts=1)
def eat(ctx):
    """A gigabyte, and hold it."""
    kept.append(b"x" * 2**30)
    time.sleep(600)
