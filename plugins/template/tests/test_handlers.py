"""What people get to hear from my-plugin."""

from __future__ import annotations

from typing import TYPE_CHECKING

from my_plugin import plugin

if TYPE_CHECKING:
    from mycel_runtime.testing import Mycel


async def test_it_answers(mycel: Mycel) -> None:
    """With the whole runtime and a server of the test's own."""
    ada = await mycel.human("Ada")
    await mycel.agent(plugin)

    await ada.says("hello")

    await ada.hears("You said: hello")
    await ada.hears_nothing()


async def test_its_greeting_is_a_setting(mycel: Mycel) -> None:
    """As `[plugins.my-plugin]` of `agent.toml` says."""
    ada = await mycel.human("Ada")
    await mycel.agent(plugin, settings={"my-plugin": {"greeting": "Heard"}})

    await ada.says("hello")

    await ada.hears("Heard: hello")


async def test_a_lost_answer_is_not_said_twice(mycel: Mycel) -> None:
    """The reply is stored, and the agent is not told so: it looks before it speaks again."""
    ada = await mycel.human("Ada")
    await mycel.agent(plugin)
    mycel.faults.lose_answer()

    await ada.says("hello")

    await ada.hears("You said: hello")
    await ada.hears_nothing()
