"""Who is in a chat: what the server cannot tell now is waited for, and what it can never tell keeps nothing back."""

from __future__ import annotations

import pytest

from mycel_runtime.errors import ServerError
from mycel_runtime.plugin.plugin import Plugin
from mycel_runtime.plugin.roster import Roster
from tests.integration.speech.test_unresolved_sends import contents

FILTERS = (
    {},
    {"sender": "human"},
    {"sender": "agent"},
    {"chat": "direct"},
    {"chat": "group"},
    {"chat": "group", "sender": "human"},
)


def picky(*filters):
    """A handler for each, and what each is shown."""
    plugin, shown = Plugin("p"), [[] for _ in filters]

    def listener(number):
        async def listen(ctx):
            shown[number] += [(message.content, message.sender.type) for message in ctx.messages]

        listen.__name__ = f"listen_{number}"
        return listen

    for number, wishes in enumerate(filters):
        plugin.on_message(**wishes)(listener(number))
    return plugin, shown


async def group_with_a_vanished_member(world, *, before=()):
    """The chat's detail is 500 from now on (Q20)."""
    await world.user("vanishing")
    group = (await world.owner.chats.create(["a", "vanishing"], kind="group", title="g"))["id"]
    for text in before:
        await world.say(group, text)
    world.backend.faults.remove_user("vanishing")
    return group


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500, 502, 503])
async def test_a_chat_that_cannot_be_read_now_is_read_later_and_keeps_no_message_from_its_handler(
    world, status
):
    plugin, shown = picky({"sender": "human", "chat": "direct"})
    # The next run comes when the clock is moved, and not sooner on a busy machine.
    agent = await world.agent("a", plugin, retry_base=20.0, retry_cap=50.0)
    chat_id = (await world.owner.chats.ensure_direct("a"))["id"]
    await world.say(chat_id, "hello")
    world.backend.faults.refuse(status, 1, path=f"/api/chats/{chat_id}", method="GET")
    await agent.hear(chat_id)
    assert shown == [[]]

    agent.clock.ahead += 60
    await agent.deliver()

    assert shown == [[("hello", "human")]]
    assert len(agent.memory.named("delivery.finished")) == 1


async def test_a_chat_that_never_lets_us_see_who_is_in_it_ends_as_a_dead_letter(world):
    """A 403 or 404 may be a proxy's (Q52), or for good."""
    plugin, shown = picky({"sender": "human"})
    agent = await world.agent("a", plugin, max_attempts=3)
    chat_id = (await world.owner.chats.ensure_direct("a"))["id"]
    await world.say(chat_id, "hello")
    world.backend.faults.refuse(404, 1_000, path=f"/api/chats/{chat_id}", method="GET")
    for _ in range(3):
        await agent.hear(chat_id)
        agent.clock.ahead += 60

    assert shown == [[]]
    (letter,) = await agent.journal.dead_letters("a")
    assert letter.reason.startswith("NotFoundError 404")


async def test_q20_in_a_group_with_a_vanished_member_filters_of_who_and_where_hold_nothing_back(world):
    """And nothing waits: the list of chats is a 500 as well, and the messages are there."""
    plugin, shown = picky(*FILTERS)
    agent = await world.agent("a", plugin)
    group = await group_with_a_vanished_member(world)
    await world.say(group, "hello")
    await agent.hear(group)

    assert shown == [[("hello", "unknown")]] * len(FILTERS)
    assert agent.memory.named("delivery.postponed") == []


async def test_q20_a_handler_that_asks_for_what_is_newer_is_heard_where_nobody_knows_who_is_human(world):
    """What is new is nothing then, and of that nobody is unsure."""
    plugin = Plugin("p")

    @plugin.on_message
    async def answer(ctx):
        await ctx.newer()
        await ctx.reply(f"re: {ctx.messages[-1].content}")

    agent = await world.agent("a", plugin, guard={"turns": 2})
    group = await group_with_a_vanished_member(world)
    for text in ("1", "2", "3", "4"):
        await world.say(group, text)
        await agent.hear(group)

    assert await contents(world, group, "a") == ["re: 1", "re: 2", "re: 3", "re: 4"]
    assert await agent.journal.holds("a") == []


async def test_q20_what_was_known_of_a_group_before_a_member_vanished_is_not_forgotten(world):
    """Whoever spoke then, and that it is a group, are known; only somebody new is not."""
    plugin, shown = picky({"sender": "human"}, {"sender": "agent"}, {"chat": "direct"})
    agent, late = await world.agent("a", plugin), await world.user("late")
    await world.user("vanishing")
    group = (await world.owner.chats.create(["a", "vanishing"], kind="group", title="g"))["id"]
    await world.say(group, "one")
    await agent.hear(group)
    await world.owner.chats.add_member(group, "late")
    world.backend.faults.remove_user("vanishing")
    for say in (world.owner, late):
        await say.messages.send(group, "two", delivery_scope=None, enforce_caught_up=False)
    await agent.hear(group)

    assert shown == [
        [("one", "human"), ("two", "human"), ("two", "unknown")],
        [("two", "unknown")],
        [],
    ]


async def test_a_filter_of_words_holds_a_message_back_whoever_said_it(world):
    plugin, shown = picky({"sender": "human", "pattern": "^!"}, {"mention": True})
    agent = await world.agent("a", plugin)
    group = await group_with_a_vanished_member(world)
    await world.say(group, "hello")
    await agent.hear(group)

    assert shown == [[], []]


class Seconds:
    """A clock that is moved by hand."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


async def roster_of(world):
    agent = await world.agent("a", Plugin("p"))
    chat_id = (await world.owner.chats.ensure_direct("a"))["id"]
    await world.say(chat_id, "hello")
    clock = Seconds()
    return Roster(agent.sdk, clock=clock), chat_id, clock


async def test_an_outage_is_not_taken_for_a_chat_that_is_broken_for_ever(world):
    """The list and the messages of every chat are a 500 then."""
    roster, chat_id, _ = await roster_of(world)
    world.backend.faults.refuse(500, 3, path="/api/chats.*", method="GET")

    with pytest.raises(ServerError):
        await roster.room(chat_id, ())
    assert not world.backend.faults.is_armed

    room = await roster.room(chat_id, ())
    assert (room.chat_type, room.is_whole) == ("direct", True)


async def test_a_detail_that_alone_is_a_500_is_waited_for_and_believed_in_the_end(world):
    """Of a chat that is in no list nothing else tells; and to wait for ever would keep its messages back."""
    roster, chat_id, clock = await roster_of(world)
    world.backend.faults.refuse(500, 4, path=f"/api/chats/{chat_id}", method="GET")
    for _ in range(3):
        with pytest.raises(ServerError):
            await roster.room(chat_id, ())
        clock.now += 9

    clock.now += 9
    room = await roster.room(chat_id, ("somebody",))
    assert (room.chat_type, room.type_of("somebody")) == ("", "unknown")

    # It is not believed for longer than it lasts.
    room = await roster.room(chat_id, ())
    assert (room.chat_type, room.type_of("somebody")) == ("direct", "")
    world.backend.faults.refuse(500, 1, path=f"/api/chats/{chat_id}", method="GET")
    with pytest.raises(ServerError):
        await roster.room(chat_id, ("somebody",))


def talkative():
    plugin, guards = Plugin("p"), []

    @plugin.on_message
    async def answer(ctx):
        guards.append((ctx.guard.turns_left, ctx.guard.is_held))
        await ctx.reply(f"re: {ctx.messages[-1].content}")

    return plugin, guards


async def said_in(world, group):
    history = await world.owner.messages.list(group, limit=200)
    return [message["content"] for message in history if message["sender_id"] == "a"]


async def test_q20_a_human_whom_the_server_does_not_show_is_answered_beyond_the_turns_without_one(world):
    plugin, guards = talkative()
    agent = await world.agent("a", plugin, guard={"turns": 2})
    group = await group_with_a_vanished_member(world)
    for number in range(5):
        await world.say(group, f"{number}")
        await agent.hear(group)

    assert await said_in(world, group) == [f"re: {number}" for number in range(5)]
    assert guards == [(2, False)] * 5
    assert await agent.journal.holds("a") == []


async def test_q20_agents_whom_the_server_does_not_show_cannot_flood_a_chat(world):
    plugin, _ = talkative()
    agent = await world.agent("a", plugin, guard={"turns": 2, "chat_sends": 4})
    peer = await world.user("peer")
    await world.user("vanishing")
    group = (await world.owner.chats.create(["a", "peer", "vanishing"], kind="group", title="g"))["id"]
    world.backend.faults.remove_user("vanishing")
    for number in range(6):
        await peer.messages.send(group, f"{number}", delivery_scope=None, enforce_caught_up=False)
        await agent.hear(group)

    assert await said_in(world, group) == [f"re: {number}" for number in range(4)]
    (hold,) = await agent.journal.holds("a")
    assert hold.reason == "4 messages within 3600 s without a human"


async def test_q20_an_agent_that_was_known_before_a_member_vanished_counts_as_one(world):
    plugin, _ = talkative()
    agent = await world.agent("a", plugin, guard={"turns": 3})
    peer = await world.user("peer")
    await world.user("vanishing")
    group = (await world.owner.chats.create(["a", "peer", "vanishing"], kind="group", title="g"))["id"]
    await peer.messages.send(group, "0", delivery_scope=None, enforce_caught_up=False)
    await agent.hear(group)
    world.backend.faults.remove_user("vanishing")
    for number in range(1, 5):
        await peer.messages.send(group, f"{number}", delivery_scope=None, enforce_caught_up=False)
        await agent.hear(group)

    assert await said_in(world, group) == ["re: 0", "re: 1", "re: 2"]


async def test_q20_a_doubt_about_one_speaker_is_none_about_the_next(world):
    plugin, _ = talkative()
    agent = await world.agent("a", plugin, guard={"turns": 3})
    peer, late = await world.user("peer"), await world.user("late")
    await world.user("vanishing")
    group = (await world.owner.chats.create(["a", "peer", "vanishing"], kind="group", title="g"))["id"]
    await peer.messages.send(group, "0", delivery_scope=None, enforce_caught_up=False)
    await agent.hear(group)
    await world.owner.chats.add_member(group, "late")
    world.backend.faults.remove_user("vanishing")
    for number, speaker in enumerate((late, peer, peer, peer), start=1):
        await speaker.messages.send(group, f"{number}", delivery_scope=None, enforce_caught_up=False)
        await agent.hear(group)

    assert await said_in(world, group) == ["re: 0", "re: 1", "re: 2"]
