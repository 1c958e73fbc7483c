"""
Genuine coding agents behind the plugin `acp`, with a model that does what each trial wants.

    python -m tests.agents.campaign [--jobs N] [--folder FOLDER] [--trials A,B] [NAME ...]

A NAME is one of `agents.txt`; without any, all that are installed; `make agents` installs them first. Each has a
backend, a model, a daemon and three people of its own. Prints the table for the plugin's page, and below it what was
not as it must be: one reply each, nothing said again, nothing left. Exit code 1 if there is any of that. What each
agent has written stays in FOLDER.
"""

from __future__ import annotations

import argparse
import logging
import shutil
import sys
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mycel_runtime.backend.server import BackendOptions, LocalBackend
from tests.agents import fake_model, genuine, household
from tests.agents.household import until

if TYPE_CHECKING:
    from tests.agents.fake_model import FakeModel
    from tests.agents.household import Household, Person

REPLY_SECONDS: Final = 240.0

TURNS: Final = 10

LEFT_SECONDS: Final = 30.0
"""For what the agent has started to end, once its runtime has."""

WATCHED_SECONDS: Final = 5.0
"""In which a reply too many would come."""


@dataclass
class Report:
    """What was seen of one agent."""

    name: str
    version: str = "-"
    cells: dict[str, str] = field(default_factory=dict)
    others: list[str] = field(default_factory=list)
    """Replies without any of the words that were asked for: what the plugin itself has said."""
    wrong: list[str] = field(default_factory=list)

    def expect(self, is_so: object, what: str) -> bool:
        if not is_so:
            self.wrong.append(what)
        return bool(is_so)


@dataclass
class Trial:
    """One agent, its surroundings, and what is to be said of it."""

    home: Household
    model: FakeModel
    report: Report
    owed: list[tuple[Person, str]] = field(default_factory=list)
    """Words to each of which exactly one reply has to stand in the end."""
    unsaid: list[str] = field(default_factory=list)
    """Words that no reply may hold: their turns were stopped, or overtaken."""
    besides: int = 0
    """Replies that are to stand and have no word that is owed."""

    @property
    def people(self) -> list[Person]:
        return self.home.people

    def ask(self, person: Person, word: str, text: str = "Please answer {word}") -> bool:
        """Say it, and wait for the reply with this word."""
        self.owed.append((person, word))
        person.say(text.replace("{word}", word))
        return self.report.expect(person.hears(word, REPLY_SECONDS), f"{word}: no reply")

    def begin(self, person: Person, word: str) -> bool:
        """Say what keeps the model in the middle of its answer, and wait until it is there."""
        person.say(f"Please model-gate {word}")
        has_begun = until(lambda: self.model.has_begun(word), REPLY_SECONDS)
        return self.report.expect(has_begun, f"{word}: the model was not asked")

    def finish(self, person: Person, word: str) -> bool:
        """Let the model finish; the reply comes."""
        self.owed.append((person, word))
        self.model.release(word)
        return self.report.expect(person.hears(word, REPLY_SECONDS), f"{word}: no reply")


def greeting(trial: Trial) -> str:
    began = time.monotonic()
    trial.ask(trial.people[0], "word-greeting", "Hello! Please answer {word}")
    return f"{time.monotonic() - began:.1f} s"


def thirty_turns(trial: Trial) -> str:
    """Ten in each of three chats, at once; the median."""
    with ThreadPoolExecutor(len(trial.people)) as pool:
        times = [each for chat in pool.map(partial(_turns, trial), range(len(trial.people))) for each in chat]
    return f"{sorted(times)[len(times) // 2]:.1f} s" if times else "none"


def _turns(trial, chat):
    times = []
    for number in range(TURNS):
        began = time.monotonic()
        if not trial.ask(trial.people[chat], f"word-chat{chat}-turn{number}"):
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


def stop(trial: Trial) -> str:
    """A person ends the turn, and is told."""
    person = trial.people[1]
    if not trial.begin(person, "word-stopped"):
        return "not begun"
    trial.unsaid.append("word-stopped")
    before = len(person.replies())
    began = time.monotonic()
    person.say("stop")
    told = until(lambda: len(person.replies()) > before, REPLY_SECONDS)
    trial.besides += 1
    took = time.monotonic() - began
    trial.report.expect(told, "stop: the person was not told")
    trial.model.release("word-stopped")
    trial.ask(person, "word-after-stop")
    return f"{took:.1f} s"


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
    was_called = any(asked.directive == "tool" and asked.number > 1 for asked in trial.model.asked)
    trial.report.expect(not made, "a command was run that nobody has allowed")
    return "run unasked" if made else "refused" if was_called else "no shell"


TRIALS: Final = {
    "greeting": greeting,
    "30 turns": thirty_turns,
    "conflict": conflict,
    "stop": stop,
    "runtime killed": kill_runtime,
    "restart": restart,
    "agent killed": kill_agent,
    "429": rate_limit,
    "cut": cut,
    "commands": commands,
    "files": files,
    "tool": tool,
}


_ONE_AT_A_TIME: Final = threading.Lock()
"""FastAPI makes warnings silent while it builds an application, for all threads."""


def run(agent: genuine.Genuine, *, folder: Path, trials: list[str]) -> Report:
    """The trials with one agent; what goes wrong is in the report."""
    report = Report(agent.name)
    with ExitStack() as stack:
        model = stack.enter_context(fake_model.serving())
        with _ONE_AT_A_TIME:
            backend = stack.enter_context(LocalBackend(BackendOptions()))
        home = household.furnish(agent, folder, backend.base_url, model.base_url)
        trial = Trial(home, model, report)
        try:
            _try_each(trial, trials)
        except Exception:  # noqa: BLE001 - one agent's failure must not hide the others
            report.wrong.append(traceback.format_exc())
        finally:
            home.close()
    return report


def _try_each(trial: Trial, trials: list[str]) -> None:
    report, home = trial.report, trial.home
    home.daemon.start()
    report.version = home.daemon.events("acp.agent_started")[-1].get("version") or "-"
    for name in trials:
        print(f"{time.strftime('%H:%M:%S')} {report.name}: {name}", flush=True)
        report.cells[name] = TRIALS[name](trial)
    time.sleep(WATCHED_SECONDS)
    _count(trial)
    report.expect(home.daemon.stop() == 0, "the daemon has not stopped with 0")
    left = home.left_after(LEFT_SECONDS)
    report.expect(not left, f"left in the end: {left}")
    outside = home.files_outside()
    report.expect(not outside, f"files outside of the chats' folders: {outside}")
    report.cells |= {"processes left": f"{len(left)}", "files outside": f"{len(outside)}"}


def _count(trial: Trial) -> None:
    """Each word has one reply, which says nothing else."""
    report, exact = trial.report, 0
    for person, word in trial.owed:
        replies = [reply.strip() for reply in person.replies() if household.has_word(reply, word)]
        exact += replies == [f"The word is {word}."]
        report.expect(replies == [f"The word is {word}."], f"{word}: {replies}")
    report.cells["exactly one reply"] = f"{exact} of {len(trial.owed)}"
    said = [reply for person in trial.people for reply in person.replies()]
    for word in trial.unsaid:
        report.expect(not any(household.has_word(reply, word) for reply in said), f"{word} was said")
    extra = len(said) - len(trial.owed) - trial.besides
    report.expect(extra == 0, f"{len(said)} replies, {len(trial.owed)} and {trial.besides} are to stand")
    report.cells["replies too many"] = f"{extra}"
    mixed = _mixed(trial)
    report.expect(not mixed, f"shown words of another chat: {mixed}")
    words = {word for _, word in trial.owed}
    report.others += [reply for reply in said if not set(fake_model.WORD.findall(reply)) & words]


def _mixed(trial: Trial) -> set[str]:
    """Words for which the model was shown what was said in another chat."""
    chats = {word: person.chat_id for person, word in trial.owed}
    return {
        asked.word
        for asked in trial.model.asked
        for other in fake_model.WORD.findall(asked.shown)
        if asked.word in chats and chats.get(other, chats[asked.word]) != chats[asked.word]
    }


def table(reports: list[Report]) -> str:
    """For the plugin's page: a row for each agent."""
    heads = [
        "agent",
        "version",
        "exactly one reply",
        "replies too many",
        *TRIALS,
        "processes left",
        "files outside",
    ]
    rows = [heads, ["---"] * len(heads)]
    for report in reports:
        cells = {"agent": report.name, "version": report.version, **report.cells}
        rows.append([cells.get(head, "-") for head in heads])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def main() -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.agents.campaign")
    parser.add_argument("--jobs", type=int, default=1, help="agents at a time")
    parser.add_argument("--folder", type=Path, default=genuine.FOLDER / "campaign", help="emptied first")
    parser.add_argument("--trials", default=",".join(TRIALS), help="some of them, with commas")
    parser.add_argument("names", nargs="*", metavar="NAME")
    options = parser.parse_args()
    # It tells each time that a model's answer goes to an agent that was killed.
    logging.getLogger("asyncio").setLevel(logging.ERROR)
    wanted = [agent for agent in genuine.agents() if not options.names or agent.name in options.names]
    missing = [agent.name for agent in wanted if not agent.is_installed]
    if missing:
        print(f"not installed: tests/agents/install.sh {' '.join(missing)}")
    chosen = [agent for agent in wanted if agent.is_installed]
    with ThreadPoolExecutor(options.jobs) as pool:
        reports = list(pool.map(partial(_report, options=options), chosen))
    print(table(reports))
    print(*(f"! {report.name}: {wrong}" for report in reports for wrong in report.wrong), sep="\n")
    return 1 if not reports or any(report.wrong for report in reports) else 0


def _report(agent, *, options):
    folder = options.folder / agent.name
    shutil.rmtree(folder, ignore_errors=True)
    report = run(agent, folder=folder, trials=options.trials.split(","))
    lines = [*(f"! {wrong}" for wrong in report.wrong), *(f"also said: {reply}" for reply in report.others)]
    print(table([report]), *lines, sep="\n", flush=True)
    return report


if __name__ == "__main__":
    sys.exit(main())
