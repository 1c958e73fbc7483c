"""A journal that is restored from a backup says nothing twice, whatever it had begun when that was made."""

from __future__ import annotations

from mycel_runtime.inbox.sequence import Received
from mycel_runtime.journal.restored import MAY_BE_DONE
from mycel_runtime.journal.sqlite.backup import back_up
from mycel_runtime.journal.sqlite.restore import restore
from mycel_runtime.plugin.plugin import Plugin
from mycel_runtime.wire.codec import encode_notify, fingerprint
from mycel_runtime.wire.frames import Notify
from tests.integration.speech.test_unresolved_sends import contents

HOUR = 3_600.0


def reminding():
    """Plans, and says in another chat first."""
    plugin = Plugin("p")

    @plugin.on_message(chat="direct")
    async def plan(ctx):
        ctx.timers.set("soon", after=HOUR, data=ctx.messages[-1].content)
        await ctx.say(ctx.messages[-1].content, "there")

    @plugin.on_timer("soon")
    async def remind(ctx):
        await ctx.say(ctx.data, "time!")

    return plugin


async def test_words_that_waited_and_a_timer_that_ran_are_not_said_again(world):
    agent = await world.agent("a", reminding(), folder="a")
    direct = (await world.owner.chats.ensure_direct("a"))["id"]
    await world.user("b")
    group = (await world.owner.chats.create(["a", "b"], kind="group", title="g"))["id"]
    await world.say(direct, group)
    await agent.take(*agent.hint(direct))
    await agent.deliver_next()
    # Planned, and the words wait to be said.
    journal, copy = world.folder / "a" / "journal.sqlite3", world.folder / "a.backup"
    back_up(journal, copy, program="1", now=agent.clock())
    agent.clock.ahead += 2 * HOUR
    await agent.deliver()
    assert await contents(world, group, "a") == ["there", "time!"]
    await agent.journal.close()

    done = restore(
        copy,
        journal,
        identity=None,
        is_other_identity=False,
        has_rested=False,
        now=agent.clock(),
    )
    assert (done.set_aside, list(done.timers)) == (1, [("p", "soon")])
    heir = await world.agent("a", reminding(), folder="a", clock=agent.clock)
    heir.clock.ahead += 2 * HOUR
    await heir.deliver()
    await heir.hear(direct)

    assert await contents(world, group, "a") == ["there", "time!"]
    (letter,) = await heir.journal.dead_letters(heir.me)
    assert letter.reason == MAY_BE_DONE
    assert await heir.journal.revive(heir.me, letter.dead_letter_id)
    await heir.deliver()
    assert await contents(world, group, "a") == ["there", "time!", "there"]


def welcoming(chat_id):
    plugin = Plugin("p")

    @plugin.on_frame("visitor.*")
    async def welcome(ctx):
        await ctx.say(chat_id, f"welcome, {ctx.metadata['who']}")

    return plugin


def visitor(seq, who, ts):
    metadata = {"event_type": "visitor.came", "who": who}
    frame = Notify(seq=seq, fingerprint=fingerprint(metadata), ts=ts, metadata=metadata)
    return Received(frame=frame, raw=encode_notify(frame))


async def test_an_event_that_is_handed_out_again_is_handled_again_only_if_the_operator_wants_it(world):
    await world.agent("a", reminding(), folder="maker")
    direct = (await world.owner.chats.ensure_direct("a"))["id"]
    await world.say(direct, "hello")
    agent = await world.agent("a", welcoming(direct), folder="a")
    await agent.parts.intake.take([visitor(1, "Ada", agent.clock())])
    await agent.deliver()
    journal, copy = world.folder / "a" / "journal.sqlite3", world.folder / "a.backup"
    back_up(journal, copy, program="1", now=agent.clock())
    came = visitor(2, "Bob", agent.clock())
    await agent.parts.intake.take([came])
    await agent.deliver()
    said = ["welcome, Ada", "welcome, Bob"]
    assert await contents(world, direct, "a") == said
    await agent.journal.close()

    agent.clock.ahead += HOUR
    restore(copy, journal, identity=None, is_other_identity=False, has_rested=False, now=agent.clock())
    heir = await world.agent("a", welcoming(direct), folder="a", clock=agent.clock)
    heir.clock.ahead += HOUR
    await heir.parts.intake.take([came, visitor(3, "Cleo", heir.clock())])
    await heir.deliver()
    said.append("welcome, Cleo")
    assert await contents(world, direct, "a") == said
    (letter,) = await heir.journal.dead_letters(heir.me)
    assert letter.reason == MAY_BE_DONE
    assert await heir.journal.revive(heir.me, letter.dead_letter_id)
    await heir.deliver()
    assert await contents(world, direct, "a") == [*said, "welcome, Bob"]
