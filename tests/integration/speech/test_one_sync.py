"""An answer waits for the disk once, and what it reads or sends the disk knows."""

from __future__ import annotations

import os

import pytest

from mycel_runtime.journal.sqlite.writer import Writer
from mycel_runtime.plugin.plugin import Plugin
from tests.integration.journal.journal_file import LOG
from tests.integration.speech.speaking import direct, said


class Syncs:
    """How often the log was synced, and what was on the disk then."""

    def __init__(self, log):
        self._log = log
        self.count = 0
        self.synced = b""

    def sync(self, descriptor):
        os.fdatasync(descriptor)
        self.count += 1
        self.synced = self._log.read_bytes()

    @property
    def is_all_synced(self):
        return self._log.read_bytes() == self.synced


class Watched:
    """Calls about messages: of those that move the server, whether the disk knew of them."""

    def __init__(self, inner, syncs, calls):
        self._inner = inner
        self._syncs = syncs
        self._calls = calls

    def __getattr__(self, name):
        if name in {"read", "mark_read", "send"}:
            self._calls.append((name, self._syncs.count, self._syncs.is_all_synced))
        return getattr(self._inner, name)


@pytest.fixture
def syncs(monkeypatch, tmp_path):
    """Nothing is synced but what is waited for."""
    syncs = Syncs(tmp_path / "agent" / LOG)
    monkeypatch.setattr("mycel_runtime.journal.sqlite.log_sync._sync", syncs.sync)
    monkeypatch.setitem(Writer.__init__.__kwdefaults__, "soon", 3600.0)
    return syncs


def answering(replies):
    plugin = Plugin("p")

    @plugin.on_message(sender="human")
    async def answer(ctx):
        ctx.store["answers"] = ctx.store.get("answers", 0) + 1
        for number in range(replies):
            await ctx.reply(f"{number}: {ctx.messages[-1].content}")

    return plugin


@pytest.mark.parametrize("replies", [1, 3])
async def test_each_reply_waits_for_the_disk_once_and_nothing_else_does(world, syncs, replies):
    agent, chat_id, calls = await world.agent("agent", answering(replies)), await direct(world), []
    agent.sdk.messages = Watched(agent.sdk.messages, syncs, calls)
    for text in ("first", "second"):
        before = syncs.count
        calls.clear()
        await world.say(chat_id, text)
        await agent.hear(chat_id)

        sends = [("send", before + number, True) for number in range(1, replies + 1)]
        assert calls == [("read", before + 1, True), *sends]
        assert syncs.count == before + replies
    assert await said(world, chat_id) == [
        f"{number}: {text}" for text in ("first", "second") for number in range(replies)
    ]


async def test_what_is_handled_without_a_word_waits_for_the_disk_never(world, syncs):
    agent, chat_id = await world.agent("agent", answering(0)), await direct(world)
    before = syncs.count
    await world.say(chat_id, "hello")
    await agent.hear(chat_id)

    assert (await agent.journal.items("agent", "p", chat_id=None))["answers"].value == "1"
    assert syncs.count == before
