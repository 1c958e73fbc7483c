"""
Genuine coding agents behind the plugins `acp` and `command`, with a model that does what each trial wants.

    python -m tests.agents.campaign [--jobs N] [--folder FOLDER] [--plugin P] [--trials A,B] [NAME ...]

A NAME is that of an agent or of a recipe; without any, all that are installed; `make agents` installs them first.
Each has a backend, a model, a daemon and three people of its own. Prints the tables for the plugins' pages, and below
them what was not as it must be: one reply each, nothing said again, nothing left. Exit code 1 if there is any of
that, or if one is not installed. What each agent has written stays in FOLDER.
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
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mycel_runtime.backend.server import BackendOptions, LocalBackend
from tests.agents import acp_trials, command_trials, fake_model, genuine, household
from tests.agents.trial import LEFT_SECONDS, WATCHED_SECONDS, Report, Trial

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

TRIALS: Final = {"acp": acp_trials.TRIALS, "command": command_trials.TRIALS}
"""By plugin."""

_ONE_AT_A_TIME: Final = threading.Lock()
"""FastAPI makes warnings silent while it builds an application, for all threads."""


def run(agent: genuine.Genuine, *, folder: Path, trials: list[str]) -> Report:
    """The trials with one agent; what goes wrong is in the report."""
    report = Report(agent.title, agent.version)
    with ExitStack() as stack:
        model = stack.enter_context(fake_model.serving())
        with _ONE_AT_A_TIME:
            backend = stack.enter_context(LocalBackend(BackendOptions()))
        home = household.furnish(agent, folder, backend.base_url, model.base_url)
        trial = Trial(home, model, report)
        try:
            _try_each(trial, {name: TRIALS[agent.plugin][name] for name in trials})
        except Exception:  # noqa: BLE001 - one agent's failure must not hide the others
            report.wrong.append(traceback.format_exc())
        finally:
            home.close()
    return report


def _try_each(trial: Trial, trials: Mapping[str, Callable[[Trial], str]]) -> None:
    report, home = trial.report, trial.home
    home.daemon.start()
    report.version = home.daemon.events(home.daemon.sign)[-1].get("version") or report.version
    for name, is_tried in trials.items():
        print(f"{time.strftime('%H:%M:%S')} {report.name}: {name}", flush=True)
        report.cells[name] = is_tried(trial)
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


def table(reports: list[Report], plugin: str) -> str:
    """For the plugin's page: a row for each agent."""
    heads = [
        "agent",
        "version",
        "exactly one reply",
        "replies too many",
        *TRIALS[plugin],
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
    parser.add_argument("--plugin", choices=TRIALS, help="only those behind this one")
    parser.add_argument("--trials", help="some of them, with commas")
    parser.add_argument("names", nargs="*", metavar="NAME")
    options = parser.parse_args()
    # It tells each time that a model's answer goes to an agent that was killed.
    logging.getLogger("asyncio").setLevel(logging.ERROR)
    wanted = [agent for agent in genuine.agents() if _is_wanted(agent, options)]
    missing = [agent.folder for agent in wanted if not agent.is_installed]
    if missing:
        print(f"not installed: tests/agents/install.sh {' '.join(missing)}")
    chosen = [agent for agent in wanted if agent.is_installed]
    with ThreadPoolExecutor(options.jobs) as pool:
        reports = list(pool.map(partial(_report, options=options), chosen))
    for plugin in TRIALS:
        if of_plugin := [each for agent, each in zip(chosen, reports, strict=True) if agent.plugin == plugin]:
            print(table(of_plugin, plugin))
    print(*(f"! {report.name}: {wrong}" for report in reports for wrong in report.wrong), sep="\n")
    return 1 if missing or not reports or any(report.wrong for report in reports) else 0


def _is_wanted(agent, options):
    return options.plugin in (None, agent.plugin) and (not options.names or agent.name in options.names)


def _report(agent, *, options):
    folder = options.folder / agent.plugin / agent.name
    shutil.rmtree(folder, ignore_errors=True)
    trials = options.trials.split(",") if options.trials else list(TRIALS[agent.plugin])
    report = run(agent, folder=folder, trials=[name for name in trials if name in TRIALS[agent.plugin]])
    lines = [*(f"! {wrong}" for wrong in report.wrong), *(f"also said: {reply}" for reply in report.others)]
    print(table([report], agent.plugin), *lines, sep="\n", flush=True)
    return report


if __name__ == "__main__":
    sys.exit(main())
