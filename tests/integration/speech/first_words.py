"""
Once, whoever dies: an agent that speaks first, by its handlers and its timers, is killed at each named point.

People talk in the chats in which it speaks meanwhile. What it says first stands once, in the order of its handler's
words; everybody's words have been shown to every handler of it.

`python -m tests.integration.speech.first_words SEEDS [isolated]` prints the table.
"""

from __future__ import annotations

import json
from collections import Counter
from functools import partial

from mycel_runtime.journal.sqlite.journal import SqliteJournal
from tests.integration import play
from tests.integration.play import Outcome, Play

PLUGIN = '''
from mycel_runtime import Plugin

plugin = Plugin("p")


@plugin.on_message(chat="direct")
async def answer(ctx):
    """Each message: its number, and where to say it."""
    for message in ctx.messages:
        number, *places = message.content.split()
        await ctx.say(places[0], f"said {number}")
        await ctx.reply(number)
        ctx.timers.set("t", after=0.01, key=number, data=places[1])


@plugin.on_timer("t")
def fire(ctx):
    ctx.say(ctx.data, f"timer {ctx.key}")


@plugin.on_message(chat="group")
async def one(ctx):
    ctx.chat_store["one"] = ctx.chat_store.get("one", []) + [message.seq for message in ctx.messages]


@plugin.on_message(chat="group")
async def two(ctx):
    ctx.chat_store["two"] = ctx.chat_store.get("two", []) + [message.seq for message in ctx.messages]
'''

PLAY = Play(
    plugin=PLUGIN,
    verbs={
        "utter": "utterance",
        "claim": "claim",
        "chat_cursors": "cursors",
        "append": "hint",
        "intend": "intent",
        "record": "record",
        "finish": "finish",
    },
    calls={"read": "read", "send": "send"},
    dispatch={"retry_cap": 0.2, "concurrency": 8},
    isolated={"concurrency": 2},
    passings=5,
    seconds=0.6,
)
POINTS = PLAY.points


async def story(stage):
    """One who has things said in two groups, in which the owner talks as well."""
    owner, dice, me = stage.owner, stage.dice, stage.life.me
    here = (await owner.chats.ensure_direct(me))["id"]
    groups = [(await owner.chats.create([me], kind="group"))["id"] for _ in range(2)]
    expected, kills = Counter(), 0

    async def talk(count):
        for _ in range(count):
            places = dice.sample(groups, 2)
            number = sum(expected.values()) // 2
            expected.update([(places[0], f"said {number}"), (places[1], f"timer {number}")])
            await stage.send(here, f"{number} {' '.join(places)}")
            if dice.random() < 0.5:
                await stage.send(dice.choice(groups), "by the way")

    for _ in range(dice.randint(1, 2)):
        await talk(dice.randint(1, 3))
        kills += await stage.live()
    await talk(1)
    await stage.live_in_peace()
    histories = {chat_id: await owner.messages.list(chat_id, limit=200) for chat_id in groups}
    wrongs = [*wrongs_of_words(expected, histories, me)]
    wrongs += [wrong async for wrong in wrongs_of_sight(histories, stage.life)]
    return Outcome(kills=kills, counts={"said": sum(expected.values())}, wrongs=wrongs)


def wrongs_of_words(expected, histories, me):
    said = Counter(
        (chat_id, message["content"])
        for chat_id, history in histories.items()
        for message in history
        if message["sender_id"] == me
    )
    if said != expected:
        yield f"never {expected - said}, too often {said - expected}"
    for chat_id, history in histories.items():
        numbers = [
            int(message["content"].removeprefix("said "))
            for message in history
            if message["content"].startswith("said ")
        ]
        if numbers != sorted(numbers):
            yield f"{chat_id}: {numbers}"


async def wrongs_of_sight(histories, life):
    """Each handler has been shown everybody's words, each once: what it remembers of them is one commit."""
    journal = SqliteJournal(life.folder)
    journal.open()
    try:
        for chat_id, history in histories.items():
            items = await journal.items(life.me, "p", chat_id=chat_id)
            foreign = [message["seq"] for message in history if message["sender_id"] != life.me]
            for handler in ("one", "two"):
                shown = json.loads(items[handler].value) if handler in items else []
                if shown != foreign:
                    yield f"{handler} was shown {shown} of {foreign}"
        for letter in await journal.dead_letters(life.me):
            yield str(letter)
        query = "SELECT count(*) FROM utterance WHERE content IS NOT NULL"
        if kept := await journal._writer.submit(lambda connection: connection.execute(query).fetchone()[0]):
            yield f"{kept} texts are kept"
    finally:
        await journal.close()


perform = partial(play.perform, PLAY, story)

if __name__ == "__main__":
    play.main(PLAY, story)
