"""
Exactly one reply of two processes: each message of some chats is answered in parts, in their order.

What is parked, because a process that may be dead or frozen was about to say it, may stand there or not, and late.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import partial

from mycel_runtime.speech.caught_up import content_hash
from tests.integration import play
from tests.integration.company import IN_COMPANY, database
from tests.integration.play import Outcome, Play
from tests.integration.speech.one_life import draw_pause
from tests.integration.speech.tollgate import OUTER
from tests.integration.workers import WorkersStage

PLUGIN = '''
from mycel_runtime import Plugin

plugin = Plugin("p")


@plugin.on_message(sender="human")
async def answer(ctx):
    """Each message: its number, and in how many parts it is answered."""
    for message in ctx.messages:
        number, parts = message.content.split()
        for part in range(int(parts)):
            await ctx.reply(f"{part}: {number}")
'''

PLAY = Play(
    plugin=PLUGIN,
    verbs={"intend": "intent", "record": "record", "finish": "finish", "pause": "pause", "resume": "resume"},
    calls={"read": "read", "send": "send"},
    outer=OUTER,
    passings=2,
    seconds=0.8,
)
WORKERS_PLAY = replace(
    PLAY, verbs={verb: point for verb, point in PLAY.verbs.items() if verb not in {"pause", "resume"}}
)
"""It is who listens that pauses, and that one is not interrupted."""


async def story(stage):
    """A conversation in each of some chats, while one process or another dies or stands still."""
    owner, dice, me = stage.owner, stage.dice, stage.life.me
    chats = [await owner.chats.ensure_direct(me)]
    chats += [await owner.chats.create([me], kind="group") for _ in range(dice.randint(0, 2))]
    stage.life = replace(stage.life, paused=draw_pause(stage.point, chats[0]["id"], dice))
    expected, parts, count, kills = {chat["id"]: [] for chat in chats}, dice.randint(1, 2), 0, 0

    async def say(times):
        nonlocal count
        for _ in range(times):
            count += 1
            chat_id = dice.choice(list(expected))
            expected[chat_id] += [f"{part}: {count}" for part in range(parts)]
            await stage.send(chat_id, f"{count} {parts}")

    await say(dice.randint(1, 4))
    # A life that is short passes a point once.
    for passings in range(1, 1 + dice.randint(1, PLAY.passings)):
        stage.life = replace(stage.life, play=replace(stage.life.play, passings=passings))
        kills += await stage.live()
        await say(dice.randint(0, 1))
    await stage.live_in_peace()
    return await _outcome(stage, expected, kills)


async def _outcome(stage, expected, kills):
    parked, letters = await _left_open(stage.life)
    counts = Counter(
        replies=sum(map(len, expected.values())), parked=len(parked), twice=0, never=0, disorder=0
    )
    wrongs = [*map(str, letters)]
    for chat_id, words in expected.items():
        answers = await _answers(stage.owner, chat_id, stage.life.me)
        seen = judge(words, answers, {words_hash for chat, words_hash in parked if chat == chat_id})
        counts.update(seen)
        if any(seen.values()):
            wrongs.append(f"{stage.life.me}, {chat_id}: {answers}, not {words}, {len(parked)} parked: {seen}")
    return Outcome(kills=kills, counts=counts, wrongs=wrongs)


def judge(expected, answers, parked):
    """
    How many stand twice, how many nowhere though they are not parked, and 1 if the others are in another order.

    Args:
        expected: What is to be said in a chat, in order; nothing of it twice.
        answers: What was said.
        parked: Hashes of what is parked.
    """
    doubtful = {words for words in expected if content_hash(words, mentions=()) in parked}
    said = list(dict.fromkeys(answers))
    never = set(expected) - doubtful - set(said)
    in_order = [words for words in expected if words not in doubtful | never]
    return {
        "twice": len(answers) - len(said),
        "never": len(never),
        "disorder": int([words for words in said if words not in doubtful] != in_order),
    }


async def _answers(owner, chat_id, me):
    history = await owner.messages.list(chat_id, limit=200)
    return [message["content"] for message in history if message["sender_id"] == me]


async def _left_open(life):
    """What is parked, by chat and hash, and what was given up."""
    async with play.left_by(life) as journal:
        parked = {(each.chat_id, each.content_hash) for each in await journal.unresolved(life.me)}
        return parked, await journal.dead_letters(life.me)


WORKERS = IN_COMPANY | {"stage": WorkersStage}

perform_in_company = partial(play.perform, PLAY, story, **IN_COMPANY)
perform_in_workers = partial(play.perform, WORKERS_PLAY, story, **WORKERS)


def main(kind):
    """
    Print the table.

    Args:
        kind: `postgres`, or `workers`: both processes run handlers.
    """
    with database() as url:
        if kind == "workers":
            play.main(WORKERS_PLAY, story, url=url, **WORKERS)
        else:
            play.main(PLAY, story, url=url, **IN_COMPANY)
