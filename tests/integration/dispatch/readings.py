"""
Shown once: an agent that reads another chat, beside its handler there, is killed at each named point, over and over.

Whatever dies and whenever: each message of that chat is remembered once, by whom it was shown to, in its order, and
each reply stands once.

`python -m tests.integration.dispatch.readings SEEDS [isolated]` prints the table.
"""

from __future__ import annotations

import json
from functools import partial

from mycel_runtime.journal.sqlite.journal import SqliteJournal
from tests.integration import play
from tests.integration.play import Outcome, Play

PLUGIN = '''
from mycel_runtime import Plugin

plugin = Plugin("p")


@plugin.on_message(chat="direct", sender="human")
async def read(ctx):
    """Each message: the chat to read."""
    found = []
    while page := await ctx.read(ctx.messages[-1].content, 2):
        found += page
    for message in found:
        ctx.store[message.content] = [*ctx.store.get(message.content, []), "read"]
    ctx.store["order"] = [*ctx.store.get("order", []), *(message.content for message in found)]
    await ctx.reply(f"{len(found)} read")


@plugin.on_message(chat="group", pattern="[05]$")
async def hear(ctx):
    for message in ctx.messages:
        ctx.store[message.content] = [*ctx.store.get(message.content, []), "heard"]
'''

PLAY = Play(
    plugin=PLUGIN,
    verbs={
        "claim": "claim",
        "chat_cursors": "cursors",
        "read_cursor": "reading",
        "intend": "intent",
        "record": "record",
        "finish": "finish",
        "postpone": "postpone",
    },
    calls={"list": "list", "send": "send"},
    passings=3,
    seconds=0.8,
)
POINTS = PLAY.points


async def story(stage):
    """Messages in a group, and a wish to have them read, while the agent dies again and again."""
    owner, dice, me = stage.owner, stage.dice, stage.life.me
    here = (await owner.chats.ensure_direct(me))["id"]
    there = (await owner.chats.create([me], kind="group"))["id"]
    said, wishes, kills = 0, 0, 0

    async def say(count):
        nonlocal said, wishes
        for _ in range(count):
            said += 1
            await stage.send(there, f"m{said}")
        await stage.send(here, there)
        wishes += 1

    for _ in range(dice.randint(2, 3)):
        await say(dice.randint(1, 6))
        kills += await stage.live()
    await say(1)
    await stage.live_in_peace()
    replies = [each for each in await owner.messages.list(here, limit=200) if each["sender_id"] == me]
    wrongs = [*await wrongs_of_reading(said, stage.life.folder, me)]
    if not 1 <= len(replies) <= wishes:
        wrongs.append(f"{len(replies)} replies to {wishes} wishes")
    return Outcome(kills=kills, counts={"messages": said, "replies": len(replies)}, wrongs=wrongs)


async def wrongs_of_reading(said, folder, me):
    journal = SqliteJournal(folder)
    journal.open()
    try:
        items = await journal.items(me, "p", chat_id=None)
        letters = await journal.dead_letters(me)
    finally:
        await journal.close()
    return [*compare(said, {key: json.loads(item.value) for key, item in items.items()}), *map(str, letters)]


def compare(said, items):
    """What is remembered, against what there was to be shown."""
    read = [f"m{number}" for number in range(1, said + 1) if number % 5]
    if items.get("order") != read:
        yield f"read {items.get('order')}, not {read}"
    for number in range(1, said + 1):
        shown = ["read"] if number % 5 else ["heard"]
        if items.get(f"m{number}") != shown:
            yield f"message {number} was {items.get(f'm{number}')}, not {shown}"


perform = partial(play.perform, PLAY, story)

if __name__ == "__main__":
    play.main(PLAY, story)
