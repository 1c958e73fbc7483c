"""What the page shows is what the runtime accepts, and means what it says."""

from __future__ import annotations

from mycel_runtime.plugin.registry import load_plugins
from mycel_runtime.settings import load_settings
from mycel_runtime.testing import BareTimer
from mycel_runtime_plugins.scheduler.handlers import say_post
from tests.guide import ROOT, blocks

PAGE = blocks(ROOT / "plugins/mycel_runtime_plugins/scheduler/README.md")


def loaded(file, folder):
    (block,) = [block for block in PAGE if block.file == file]
    (folder / file).write_text(block.text)
    (plugin,) = load_plugins(load_settings(folder / file).plugins, folder / file)
    return plugin


def test_every_block_is_looked_at_here():
    assert [block.file for block in PAGE] == ["agent.toml", "more.toml"]


async def test_the_first_example_greets(tmp_path):
    settings = loaded("agent.toml", tmp_path).settings
    run = BareTimer("post", settings=settings)

    await say_post(run.ctx, settings.posts[0])

    ((_, text),) = run.elsewhere
    assert text.startswith("Good morning, it is ")
    assert "{" not in text


def test_the_second_example_has_two_posts(tmp_path):
    plugin = loaded("more.toml", tmp_path)
    schedules = {each.id: each.subscription for each in plugin.plugin.handlers[1:]}

    assert schedules["scheduler.standup"].schedule.text == "cron 55 9 * * mon-fri Europe/Berlin"
    assert not schedules["scheduler.standup"].catch_up
    assert schedules["scheduler.water"].schedule.text == "every 7200.0 s"
    assert plugin.settings.weekdays[0] == "Montag"
