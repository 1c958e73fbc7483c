"""A dispatcher's agent that never asks anybody anything."""

from __future__ import annotations

from mycel_runtime.dispatch.questions import NONE


class NoQuestions:
    """Nothing is an answer."""

    has_news = False

    async def look_for_news(self):
        pass

    async def taken(self, chat_id, messages, *, after_seq):
        return NONE
