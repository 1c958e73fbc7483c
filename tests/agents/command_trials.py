"""What is tried with the recipes of the plugin `command`: a command line that is started anew for each delivery."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Final

from tests.agents import trials

if TYPE_CHECKING:
    from tests.agents.trial import Trial


def stop(trial: Trial) -> str:
    """A message in which `interrupt` is found ends the run, and is answered in the next one."""
    person = trial.people[1]
    if not trial.begin(person, "word-stopped"):
        return "not begun"
    trial.unsaid.append("word-stopped")
    began = time.monotonic()
    trial.ask(person, "word-after-stop", "stop! Please answer {word}")
    trial.model.release("word-stopped")
    return f"{time.monotonic() - began:.1f} s"


def error(trial: Trial) -> str:
    """
    The model refuses two requests with 400: a run fails, and its error is no reply.

    Whatever the command line makes of it (an exit code of 0, a text in the answer's place), a later run answers.
    """
    began = time.monotonic()
    trial.ask(trial.people[2], "word-after-error", "Please model-400 {word}")
    return f"{time.monotonic() - began:.1f} s"


def work(trial: Trial) -> str:
    """A tool prints 170 KB; what a command line tells of it is not the answer, and costs none."""
    trial.ask(trial.people[1], "word-worked", "Please model-work {word}")
    return "one reply" if "word-worked" in trial.model.called else "no shell"


def forgotten(trial: Trial) -> str:
    """The command line has lost all that it keeps: a new session begins with the chat's history."""
    person = trial.people[0]
    said_before = [word for owner, word in trial.owed if owner is person][-1]
    trial.home.forget()
    began = time.monotonic()
    trial.ask(person, "word-after-loss")
    asked = [each for each in trial.model.asked if each.word == "word-after-loss"]
    is_told = any(said_before in each.message for each in asked)
    trial.report.expect(is_told, "the conversation before a lost session is not told")
    return f"told anew, {time.monotonic() - began:.1f} s"


def resumed(trial: Trial) -> str:
    """The second of two turns is shown what was said in the first by the command line's own session."""
    person = trial.people[0]
    said_before = [word for owner, word in trial.owed if owner is person][-1]
    trial.ask(person, "word-resumed")
    asked = [each for each in trial.model.asked if each.word == "word-resumed"]
    is_so = any(said_before in each.shown and said_before not in each.message for each in asked)
    trial.report.expect(is_so, "the second turn has not resumed the session")
    trial.report.expect(
        not any(said_before in each.message for each in asked), "the session was told what it knows"
    )
    return "session resumed" if is_so else "not resumed"


TRIALS: Final = {
    "greeting": trials.greeting,
    "resumed": resumed,
    "6 turns": partial(trials.turns, number=2),
    "conflict": trials.conflict,
    "stop": stop,
    "runtime killed": trials.kill_runtime,
    "program killed": trials.kill_agent,
    "429": trials.rate_limit,
    "cut": trials.cut,
    "400": error,
    "much output": work,
    "session lost": forgotten,
    "commands": trials.commands,
    "files": trials.files,
    "tool": trials.tool,
}
