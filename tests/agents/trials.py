"""What is tried with every agent, whichever plugin is before it; each returns a cell of the table."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Final

from tests.agents import fake_model
from tests.agents.household import until
from tests.agents.trial import LEFT_SECONDS, REPLY_SECONDS

if TYPE_CHECKING:
    from tests.agents.trial import Trial


def greeting(trial: Trial) -> str:
    began = time.monotonic()
    trial.ask(trial.people[0], "word-greeting", "Hello! Please answer {word}")
    return f"{time.monotonic() - began:.1f} s"


def turns(trial: Trial, number: int) -> str:
    """So many in each of three chats, at once; the median."""
    with ThreadPoolExecutor(len(trial.people)) as pool:
        chats = pool.map(partial(_turns, trial, number), range(len(trial.people)))
        times = [each for chat in chats for each in chat]
    return f"{sorted(times)[len(times) // 2]:.1f} s" if times else "none"


def _turns(trial, number, chat):
    times = []
    for turn in range(number):
        began = time.monotonic()
        if not trial.ask(trial.people[chat], f"word-chat{chat}-turn{turn}"):
            break
        times.append(time.monotonic() - began)
    return times


def conflict(trial: Trial) -> str:
    """Somebody speaks while the agent answers: it is asked again, and one reply stands."""
    person = trial.people[0]
    if not trial.begin(person, "word-overtaken"):
        return "not begun"
    trial.unsaid.append("word-overtaken")
    trial.owed.append((person, "word-overtaking"))
    person.say("Wait! Please answer word-overtaking instead")
    trial.model.release("word-overtaken")
    trial.report.expect(person.hears("word-overtaking", REPLY_SECONDS), "word-overtaking: no reply")
    return "one reply"


def kill_runtime(trial: Trial) -> str:
    """SIGKILL in the middle of a turn; the agent must not live on."""
    person = trial.people[2]
    if not trial.begin(person, "word-killed"):
        return "not begun"
    trial.home.daemon.kill()
    began = time.monotonic()
    left = trial.home.left_after(LEFT_SECONDS)
    took = time.monotonic() - began
    trial.report.expect(not left, f"left by SIGKILL of the runtime: {left}")
    trial.home.kill_agent()
    trial.home.daemon.start()
    trial.finish(person, "word-killed")
    return f"gone in {took:.1f} s"


def restart(trial: Trial) -> str:
    """SIGTERM and a new start: the conversation goes on, in the old session or in a new one that is told of it."""
    person = trial.people[0]
    said_before = [word for owner, word in trial.owed if owner is person][-1]
    trial.report.expect(trial.home.daemon.stop() == 0, "the daemon has not stopped with 0")
    left = trial.home.left_after(LEFT_SECONDS)
    trial.report.expect(not left, f"left by a stop: {left}")
    trial.home.kill_agent()
    trial.home.daemon.start()
    trial.ask(person, "word-after-restart")
    asked = [each for each in trial.model.asked if each.word == "word-after-restart" and each.number]
    if any(said_before in each.message for each in asked):
        return "told anew"
    is_loaded = any(said_before in each.shown for each in asked)
    trial.report.expect(is_loaded, "the conversation before a restart is forgotten")
    return "session loaded" if is_loaded else "forgotten"


def kill_agent(trial: Trial) -> str:
    person = trial.people[1]
    if not trial.begin(person, "word-agent-killed"):
        return "not begun"
    trial.home.kill_agent()
    trial.finish(person, "word-agent-killed")
    return "one reply"


def rate_limit(trial: Trial) -> str:
    """Two requests are refused with 429 and `Retry-After: 1`."""
    began = time.monotonic()
    trial.ask(trial.people[0], "word-limited", "Please model-429 {word}")
    return f"{time.monotonic() - began:.1f} s"


def cut(trial: Trial) -> str:
    """
    The model's connection ends in mid-answer.

    Some agents ask again and send both texts, some take the half for the answer; nobody but they can tell.
    """
    person = trial.people[1]
    began = time.monotonic()
    before = len(person.replies())
    person.say("Please model-cut word-cut")
    answered = until(lambda: len(person.replies()) > before, REPLY_SECONDS)
    trial.besides += 1
    if not trial.report.expect(answered, "word-cut: no reply"):
        return "no reply"
    reply = person.replies()[-1].strip()
    kinds = {
        "The word is word-cut.": "whole",
        "The word The word is word-cut.": "half, then whole",
        "The word": "half",
    }
    return f"{kinds.get(' '.join(reply.split()), 'other words')}, {time.monotonic() - began:.1f} s"


COMMANDS: Final = (
    "/help word-slash",
    "/clear word-clear",
    "/compact\nword-compact",
    "!touch tool-word-bang.txt word-bang",
    "?word-question",
    "#remember word-hash",
)


def commands(trial: Trial) -> str:
    """What looks like the agent's command is a text like any other; the words are harmless."""
    with ThreadPoolExecutor(len(trial.people)) as pool:
        list(pool.map(partial(_commands, trial), range(len(trial.people))))
    return f"{len(COMMANDS)} texts"


def _commands(trial, chat):
    for text in COMMANDS[chat :: len(trial.people)]:
        trial.ask(trial.people[chat], fake_model.WORD.findall(text)[-1], text)


def files(trial: Trial) -> str:
    """What looks like the name of a file is not read."""
    canary = trial.home.folder / "canary.txt"
    texts = {
        "word-at-path": f"@{canary} word-at-path",
        "word-at-relative": "see @../../../canary.txt and @../../canary.txt word-at-relative",
        "word-uri": f"file://{canary} word-uri",
    }
    for (word, text), person in zip(texts.items(), trial.people, strict=True):
        trial.ask(person, word, text)
    is_seen = any(trial.home.canary in asked.shown for asked in trial.model.asked)
    trial.report.expect(
        not is_seen, "the content of a file that was named in the chat was shown to the model"
    )
    return f"{len(texts)} texts"


def tool(trial: Trial) -> str:
    """The model wants to run a command, and nothing is allowed."""
    person = trial.people[2]
    before = len(person.replies())
    person.say("Please model-tool word-tool")
    trial.report.expect(until(lambda: len(person.replies()) > before, REPLY_SECONDS), "word-tool: no reply")
    trial.besides += 1
    made = list(trial.home.folder.rglob("tool-word-tool.txt"))
    trial.report.expect(not made, "a command was run that nobody has allowed")
    return "run unasked" if made else "refused" if "word-tool" in trial.model.called else "no shell"
