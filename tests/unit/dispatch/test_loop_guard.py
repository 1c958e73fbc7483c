"""The loop guard's own memory, beside what the journal keeps."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

from mycel_runtime.dispatch.loop_guard import LoopGuard
from mycel_runtime.journal.own_sends import Unattended
from mycel_runtime.settings import GuardSettings


class SlowJournal:
    """Every answer takes a step of the loop."""

    def __init__(self):
        self.attended = []

    async def holds(self, me):
        await asyncio.sleep(0)
        return ()

    async def unattended_chats(self, me):
        await asyncio.sleep(0)
        return ()

    async def unattended(self, delivery, *, plugin, within, limits):
        return Unattended(turns=0, chat_sends=0, plugin_sends=0)

    async def attend(self, me, chat_id):
        self.attended.append(chat_id)
        return False


async def test_chats_that_are_asked_for_side_by_side_at_first_are_all_remembered():
    """One that is forgotten is not attended to when a human comes: its turns are counted on and on."""
    journal = SlowJournal()
    guard = LoopGuard(journal=journal, me="me", settings=GuardSettings(), observer=None)
    chats = ["one", "two", "three"]

    async with asyncio.TaskGroup() as tasks:
        for chat_id in chats:
            tasks.create_task(guard.require_speech(SimpleNamespace(handler="p.h"), chat_id))
    for chat_id in chats:
        await guard.attend(chat_id)

    assert journal.attended == chats
