"""
Asked once, and answered once, whoever dies: an agent that asks, in time or not, is killed at each named point.

The person answers some questions, and says more than he was asked. Each question has one outcome; each of his words
was shown once, to the handler of answers or to both handlers of messages, and never to both kinds.

`python -m tests.integration.speech.questions SEEDS [isolated]` prints the table.
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


def keep(ctx, handler, more):
    ctx.chat_store[handler] = ctx.chat_store.get(handler, []) + more


@plugin.on_message
async def one(ctx):
    """Each that asks for it: its number, and for how long the answer is waited for."""
    keep(ctx, "one", [message.seq for message in ctx.messages])
    for message in ctx.messages:
        if message.content.startswith("ask"):
            _, number, seconds = message.content.split()
            await ctx.ask(ctx.chat_id, f"question {number}", name="q", data=number, timeout=float(seconds))


@plugin.on_message
def two(ctx):
    keep(ctx, "two", [message.seq for message in ctx.messages])


@plugin.on_answer("q")
async def answered(ctx):
    keep(ctx, "answers", [[ctx.data, ctx.question.outcome, [message.seq for message in ctx.messages]]])
    await ctx.reply(f"answer {ctx.data}")
'''

PLAY = Play(
    plugin=PLUGIN,
    verbs={
        "utter": "question",
        "claim": "claim",
        "questions": "look",
        "answer": "answer",
        "time_out": "time out",
        "fire": "fire",
        "intend": "intent",
        "record": "record",
        "finish": "finish",
    },
    calls={"list": "read", "send": "send"},
    dispatch={"retry_cap": 0.2, "concurrency": 8},
    isolated={"concurrency": 2},
    passings=4,
    seconds=0.6,
)
"""A question whose time is far away is waited for by nobody."""
POINTS = PLAY.points


async def story(stage):
    """Questions, then words that may be answers, then an end in peace in which everything is over."""
    dice = stage.dice
    here = (await stage.owner.chats.ensure_direct(stage.life.me))["id"]
    kills, asked = 0, 0
    for _ in range(dice.randint(1, 2)):
        for _ in range(dice.randint(1, 2)):
            await stage.send(here, f"ask {asked} {dice.choice(['0.05', '600', '600'])}")
            asked += 1
        kills += await stage.live()
        for _ in range(dice.randint(1, 3)):
            await stage.send(here, "well")
        kills += await stage.live()
    await stage.live_in_peace()
    for _ in range(asked):
        await stage.send(here, "at last")
    await stage.live_in_peace()
    history = await stage.owner.messages.list(here, limit=200)
    wrongs = [wrong async for wrong in wrongs_of(history, stage.life)]
    return Outcome(kills=kills, counts={"asked": asked}, wrongs=wrongs)


async def wrongs_of(history, life):
    """Each outcome and each word once; what they remember of both is one commit."""
    journal = SqliteJournal(life.folder)
    journal.open()
    try:
        items = await journal.items(life.me, "p", chat_id=history[0]["chat_id"])
        kept = {name: json.loads(items[name].value) for name in items}
        for wrong in wrongs_of_words(history, kept, life.me):
            yield wrong
        for letter in await journal.dead_letters(life.me):
            yield str(letter)
        query = """
            SELECT count(*) FROM question
            WHERE state NOT IN ('answered', 'timed_out', 'unsaid') OR data IS NOT NULL
        """
        if left := await journal._writer.submit(lambda connection: connection.execute(query).fetchone()[0]):
            yield f"{left} questions are left"
    finally:
        await journal.close()


def wrongs_of_words(history, kept, me):
    """Who is asked to ask by an answer does not."""
    answers = kept.get("answers", [])
    told = {message["content"].split()[1] for message in history if _asks(message, kept)}
    if Counter(number for number, *_ in answers) != Counter(told):
        yield f"of the questions {told} there are the outcomes {answers}"
    said = Counter(message["content"] for message in history if message["sender_id"] == me)
    unsaid = {f"question {number}" for number, outcome, _ in answers if outcome == "unsaid"}
    expected = {f"{word} {number}" for word in ("question", "answer") for number in told}
    if said != Counter(expected - unsaid):
        yield f"said {said}"
    answering = sorted(seq for *_, seqs in answers for seq in seqs)
    foreign = [message["seq"] for message in history if message["sender_id"] != me]
    for handler in ("one", "two"):
        if sorted(kept.get(handler, []) + answering) != foreign:
            yield f"{handler} was shown {kept.get(handler)} and answers {answering} of {foreign}"
    for number, outcome, seqs in answers:
        if (outcome == "answered") != (len(seqs) == 1):
            yield f"question {number} is {outcome} by {seqs}"


def _asks(message, kept):
    return message["content"].startswith("ask") and message["seq"] in kept.get("one", [])


perform = partial(play.perform, PLAY, story)

if __name__ == "__main__":
    play.main(PLAY, story)
