"""A real daemon with plugins that misbehave in every way, side by side with one that does not."""

from __future__ import annotations

import asyncio

import pytest

from tests.benchmarks.isolation import BAD, GOOD_CHATS, Supervisor, backend, live, set_up, until

MESSAGES = 40


@pytest.fixture(scope="module")
def base_url():
    with backend() as address:
        yield address


@pytest.mark.slow
async def test_plugins_that_misbehave_together_cost_the_others_no_answer_no_ping_and_no_sign_of_life(
    base_url, tmp_path
):
    seen = await live(base_url, tmp_path / "agent", tuple(BAD), MESSAGES, pause=0.05)

    assert len(seen.delays) == MESSAGES
    assert seen.answers == MESSAGES + 2 * GOOD_CHATS
    assert (seen.connections, seen.lost_connections) == (1, 0)
    # The unit allows 60 seconds.
    assert seen.longest_silence < 20
    assert seen.exit_code == 0
    assert seen.events["delivery.postponed"] > 0
    assert seen.events["plugin.refused"] == 2


LATER = """
from mycel_runtime import Plugin, Retry
plugin = Plugin("later")
{at_import}
@plugin.on_message(pattern="^later ")
async def answer(ctx):
    {body}
"""


@pytest.mark.slow
async def test_the_work_of_a_plugin_that_cannot_be_imported_any_more_waits_until_it_is_mended(
    base_url, tmp_path, monkeypatch
):
    monkeypatch.setitem(BAD, "later", "")
    stage = await set_up(base_url, tmp_path / "patient", ["later"])
    config = stage.folder / "agent.toml"
    config.write_text(
        config.read_text().replace('"none"', '"process"').replace("[dispatch]", "[dispatch]\nretry_cap = 1.0")
    )

    async def life(event, *, at_import="", body="..."):
        (stage.folder / "later.py").write_text(LATER.format(at_import=at_import, body=body))
        supervisor = await asyncio.to_thread(Supervisor, stage.folder)
        try:
            await asyncio.to_thread(supervisor.wait_ready)
            return await until(_counted(supervisor), lambda events: event in events)
        finally:
            await asyncio.to_thread(supervisor.stop)

    async with stage.owner:
        await stage.owner.messages.send(stage.bad["later"], "later 1", enforce_caught_up=False)
        assert "delivery.postponed" in await life("delivery.postponed", body="raise Retry(after=0.1)")
        # Of another length than before: it may have been written within the same second, and Python looks at both.
        events = await life("delivery.postponed", at_import="raise SystemExit(3)  # it is broken now")
        assert (events["plugin.refused"], events.get("delivery.buried")) == (1, None)
        events = await life("message.sent", body='await ctx.reply("at last")')
        assert events.get("message.sent") == 1, events


def _counted(supervisor):
    async def events():
        return supervisor.events()

    return events
