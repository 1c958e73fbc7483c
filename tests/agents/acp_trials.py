"""What is tried with agents behind the plugin `acp`."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Final

from mycel_runtime_plugins.acp.outcome import ALLOWED, ASKED
from tests.agents import trials
from tests.agents.household import ASKED_PERSON, until
from tests.agents.trial import REPLY_SECONDS, WATCHED_SECONDS

if TYPE_CHECKING:
    from tests.agents.trial import Trial


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


def ask(trial: Trial) -> str:
    """
    The model wants to run a command, and the person who is named in `ask` allows it, once.

    She reads what the agent says without the tool, the question, that it is allowed, and what the agent says then.
    When the model wants the very same again, she is asked again; what she answers instead is for the agent.
    """
    person, report = trial.people[ASKED_PERSON], trial.report
    before = len(person.replies())
    person.say("Please model-leave word-leave")
    report.expect(until(lambda: len(person.replies()) > before, REPLY_SECONDS), "word-leave: no reply")
    if "word-leave" not in trial.model.called:
        trial.besides += len(person.replies()) - before
        return "no shell"
    asked = until(lambda: _questions(person, before), REPLY_SECONDS)
    if not report.expect(asked == 1, f"ask: {asked} questions"):
        trial.besides += len(person.replies()) - before
        return "not asked"
    report.expect(not _made(trial), "ask: the command was run before it was allowed")
    person.say("yes")
    report.expect(until(lambda: _made(trial), REPLY_SECONDS), "ask: what was allowed was not done")
    done = until(lambda: len(person.replies()) >= before + 4, REPLY_SECONDS)
    said = person.replies()[before:]
    report.expect(done and said[2] == ALLOWED and len(said) == 4, f"ask: {said}")
    for file in _made(trial):
        file.unlink()
    person.say("Please model-leave word-leave again")
    report.expect(until(lambda: _questions(person, before) == 2, REPLY_SECONDS), "ask: not asked again")
    trial.ask(person, "word-refused", "No. Please answer {word}")
    report.expect(
        not until(lambda: _made(trial), WATCHED_SECONDS), "ask: what was allowed once was done twice"
    )
    trial.besides += len(said) + 2
    return "done once"


def _questions(person, before):
    return sum(reply.startswith(ASKED) for reply in person.replies()[before:])


def _made(trial):
    return list(trial.home.folder.rglob("tool-word-leave.txt"))


TRIALS: Final = {
    "greeting": trials.greeting,
    "30 turns": partial(trials.turns, number=10),
    "conflict": trials.conflict,
    "stop": stop,
    "runtime killed": trials.kill_runtime,
    "restart": trials.restart,
    "agent killed": trials.kill_agent,
    "429": trials.rate_limit,
    "cut": trials.cut,
    "commands": trials.commands,
    "files": trials.files,
    "tool": trials.tool,
    "ask": ask,
}
