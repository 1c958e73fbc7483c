"""
One commit: an agent that replies, remembers and plans is killed at each named point, again and again.

Whatever dies and whenever: what is remembered and planned is as if each delivery had run once, each timer has taken
effect once, and each reply stands once.

`python -m tests.integration.dispatch.state SEEDS [isolated]` prints the table; with `postgres` in its place two
processes share a journal in a database, and one dies or stands still where the other one goes on.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from functools import partial

from mycel_runtime.speech.caught_up import content_hash
from tests.integration import play
from tests.integration.company import IN_COMPANY, database
from tests.integration.play import Outcome, Play

PLUGIN = '''
from mycel_runtime import Plugin

plugin = Plugin("p")


@plugin.on_message(sender="human")
async def answer(ctx):
    """Each message: its number, what to do with a timer, and which."""
    for message in ctx.messages:
        number, deed, key = message.content.split()
        ctx.store["messages"] = ctx.store.get("messages", 0) + 1
        ctx.store[f"message {number}"] = ctx.store.get(f"message {number}", 0) + 1
        ctx.chat_store["said"] = [*ctx.chat_store.get("said", []), number]
        if deed == "cancel":
            ctx.timers.cancel("t", key=key)
        await ctx.reply(f"{number}")
        if deed == "soon":
            ctx.timers.set("t", after=0.02, key=key, data={"again": int(number) % 2})
        if deed == "late":
            ctx.timers.set("t", after=3600, key=key)


@plugin.on_timer("t")
def fire(ctx):
    ctx.store["fired"] = ctx.store.get("fired", 0) + 1
    ctx.store[f"timer {ctx.key}"] = ctx.store.get(f"timer {ctx.key}", 0) + 1
    if ctx.data["again"]:
        ctx.timers.set("t", after=0, key=f"{ctx.key}-again", data={"again": 0})
'''

PLAY = Play(
    plugin=PLUGIN,
    verbs={
        "claim": "claim",
        "items": "items",
        "has_items": "items",
        "intend": "intent",
        "record": "record",
        "finish": "finish",
        "postpone": "postpone",
        "timers_due": "look",
        "fire": "fire",
    },
    calls={"send": "send"},
    passings=3,
    seconds=0.8,
    soon_seconds=30.0,
)
"""The timers that are not waited for are of an hour."""
POINTS = PLAY.points
CHATS = 3


@dataclass
class Script:
    """
    What people say, and what comes of it when each delivery runs once.

    Attributes:
        said: Number of each message, by chat.
        late: Timers that are left.
        soon: Timers that fire.
        raced: Timers that fire, or are cancelled before.
    """

    said: dict[str, list[str]] = field(default_factory=dict)
    late: set[str] = field(default_factory=set)
    soon: set[str] = field(default_factory=set)
    raced: set[str] = field(default_factory=set)
    count: int = 0

    def next(self, chat_id, dice):
        """What is said next in this chat; what concerns one timer is said in one chat."""
        self.count += 1
        number = str(self.count)
        known = self.late | {key for key in self.soon if not key.endswith("-again")}
        ours = sorted(key for key in known if key.startswith(chat_id))
        deed = dice.choice(["soon", "late", "nothing", *(["cancel", "late"] if ours else [])])
        key = dice.choice(ours) if ours and deed in {"cancel", "late"} else f"{chat_id}:{number}"
        self._expect(deed, key, number)
        self.said.setdefault(chat_id, []).append(number)
        return f"{number} {deed} {key}"

    def _expect(self, deed, key, number):
        if deed == "soon":
            self.soon |= {key} | ({f"{key}-again"} if int(number) % 2 else set())
        elif deed in {"late", "cancel"}:
            if key in self.soon:
                # It may have fired by then.
                self.soon -= {key, f"{key}-again"}
                self.raced |= {key, f"{key}-again"}
            self.late.discard(key)
            if deed == "late":
                self.late.add(key)


async def story(stage):
    """Messages in some chats, each with a deed, while the agent dies again and again."""
    owner, dice, me = stage.owner, stage.dice, stage.life.me
    made = [await owner.chats.ensure_direct(me)]
    made += [await owner.chats.create([me], kind="group") for _ in range(CHATS - 1)]
    chats = [chat["id"] for chat in made]
    script, kills = Script(), 0

    async def say(count):
        for _ in range(count):
            chat_id = dice.choice(chats)
            await stage.send(chat_id, script.next(chat_id, dice))

    for _ in range(dice.randint(2, 3)):
        await say(dice.randint(2, 5))
        kills += await stage.live()
    await say(1)
    await stage.live_in_peace()
    replies = {
        chat_id: [
            message["content"]
            for message in await owner.messages.list(chat_id, limit=200)
            if message["sender_id"] == me
        ]
        for chat_id in chats
    }
    parked, wrongs = await wrongs_of_state(script, stage.life)
    wrongs += wrongs_of_words(script, replies, parked)
    counts = {"messages": script.count, "timers": len(script.late | script.soon), "parked": len(parked)}
    return Outcome(kills=kills, counts=counts, wrongs=wrongs)


def wrongs_of_words(script, replies, parked):
    """Each stands once, in its order; what is parked may stand there or not, and late."""
    for chat_id, numbers in script.said.items():
        doubtful = {number for number in numbers if (chat_id, content_hash(number, mentions=())) in parked}
        certain = [number for number in replies[chat_id] if number not in doubtful]
        if certain != [number for number in numbers if number not in doubtful]:
            yield f"{chat_id}: said {replies[chat_id]}, not {numbers}, of which {sorted(doubtful)} are in doubt"
        if len(set(replies[chat_id])) < len(replies[chat_id]):
            yield f"{chat_id}: said something twice: {replies[chat_id]}"


async def wrongs_of_state(script, life):
    """What is parked, by chat and hash; and what is not as it must be."""
    async with play.left_by(life) as journal:
        items = await _values(journal, life.me, None)
        timers = {timer.key for timer in await journal.timers(life.me)}
        said = {chat_id: (await _values(journal, life.me, chat_id)).get("said") for chat_id in script.said}
        letters = await journal.dead_letters(life.me)
        parked = {(each.chat_id, each.content_hash) for each in await journal.unresolved(life.me)}
    wrongs = [*compare(script, items, said), *_compare_timers(script, items, timers), *map(str, letters)]
    return parked, wrongs


async def _values(journal, me, chat_id):
    items = await journal.items(me, "p", chat_id=chat_id)
    return {key: json.loads(item.value) for key, item in items.items()}


def compare(script, items, said):
    """What is remembered, against what each delivery remembers when it runs once."""
    if items.get("messages") != script.count:
        yield f"{items.get('messages')} of {script.count} messages are remembered"
    for number in range(1, script.count + 1):
        if items.get(f"message {number}") != 1:
            yield f"message {number} is remembered {items.get(f'message {number}', 0)} times"
    for chat_id, numbers in script.said.items():
        if said[chat_id] != numbers:
            yield f"{chat_id}: remembers {said[chat_id]}, not {numbers}"


def _compare_timers(script, items, left):
    fired = {key.removeprefix("timer "): count for key, count in items.items() if key.startswith("timer ")}
    if left != script.late:
        yield f"timers left {sorted(left)}, not {sorted(script.late)}"
    if items.get("fired", 0) != sum(fired.values()):
        yield f"{items.get('fired', 0)} fired, and {sum(fired.values())} are remembered one by one"
    for key in script.soon:
        if fired.get(key) != 1:
            yield f"timer {key} has fired {fired.get(key, 0)} times"
    for key, count in fired.items():
        if count > 1 or key not in script.soon | script.raced:
            yield f"timer {key} has fired {count} times, and should not"


perform = partial(play.perform, PLAY, story)
perform_in_company = partial(perform, **IN_COMPANY)

if __name__ == "__main__":
    if sys.argv[2:] == ["postgres"]:
        with database() as url:
            play.main(PLAY, story, url=url, **IN_COMPANY)
    else:
        play.main(PLAY, story)
