"""
An hour of moderate load with faults: does a daemon that runs for months grow?

    python -m tests.soak          SOAK_MINUTES=60, SOAK_RATE=3 messages a second, SOAK_LEAK (see handler.py)

A backend, a proxy that breaks things between the two, and a daemon with two plugins, one of them isolated. Each
minute, or a twelfth of a short run, prints what the daemon uses and what was answered. At the end a line is laid
through each number after a time to warm up. Exit status 1 if one of them surely grows beyond its bound, or if a
message was lost or answered twice.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import ExitStack, suppress
from pathlib import Path

from tests.chaos.household import Household
from tests.chaos.proxy import FaultProxy
from tests.chaos.stage import AGENT, Backend, Daemon
from tests.soak import sample
from tests.soak.trend import trend

CHATS = 8
SETTLE_SECONDS = 120.0
FAULT_SECONDS = (5.0, 25.0)
WARM_UP = 1 / 4

CONFIG = (
    AGENT
    + """\
[inbox]
reconcile_interval = 5.0
ping_interval = 5.0
ping_timeout = 5.0
backoff_base = 0.2
backoff_cap = 3.0

[dispatch]
retry_cap = 5.0

[log]
format = "json"

[guard]
chat_sends = 1000000
plugin_sends = 1000000

[plugins.soak]
path = "{folder}/handler.py"

[plugins.noting]
path = "{folder}/noting.py"
isolation = "process"
"""
)

BOUNDS = {
    "rss": ("MiB", 6.0),
    "pss": ("MiB", 6.0),
    "tasks": ("", 3.0),
    "threads": ("", 2.0),
    "descriptors": ("", 4.0),
}
"""By attribute of a sample: its unit, and by how much it may surely have grown from the warm-up to the end."""

JOURNAL_BYTES_PER_MESSAGE = 8_000
"""Of the file, with its log, per answered message: what is kept for `[journal] keep`, a day at least."""

ENOUGH = 1_000
"""Answered messages, for that number to mean something: an empty journal has a size too."""

FAULTS = {
    "cut": lambda on: on.proxy.cut(),
    "reset": lambda on: on.proxy.reset(),
    "half open": lambda on: on.proxy.half_open(),
    "stalled": lambda on: on.proxy.stall(on.dice.uniform(0.5, 3.0)),
    "refused": lambda on: on.proxy.refuse(on.dice.uniform(0.5, 2.0)),
    "backend restarted": lambda on: on.backend.restart(),
    "answers 500": lambda on: on.backend.ask(
        "fault", name="refuse", status=500, times=3, path="/api/chats.*"
    ),
    "wakes swallowed": lambda on: on.backend.ask("fault", name="swallow_wakes", count=5),
    "answers lost": lambda on: on.backend.ask("fault", name="lose_answer", path=".*/messages"),
    "reloaded": lambda on: on.daemon.signal("SIGHUP"),
    "dumped": lambda on: on.daemon.signal("SIGUSR1"),
}
"""By name: what to do to a soak."""


class SoakedDaemon(Daemon):
    """The same daemon all the time."""

    def __init__(self, folder, base_url, token):
        super().__init__(folder, base_url, token, reconcile_interval=5.0)
        text = CONFIG.format(base_url=base_url, folder=Path(__file__).parent)
        (folder / "agent.toml").write_text(text)

    @property
    def pid(self):
        """Of its process."""
        assert self._popen.poll() is None, self.logs[-1].read_text()[-3000:]
        return self._popen.pid

    def signal(self, name):
        """Send it."""
        os.kill(self.pid, getattr(signal, name))


class Soak:
    """
    One run.

    Args:
        folder: For everything that is written.
        seconds: How long messages are said.
        rate: Messages a second.
    """

    def __init__(self, folder, *, seconds, rate):
        self.folder = folder
        self.seconds = seconds
        self.rate = rate
        self.dice = random.Random()
        self.backend = Backend(folder)
        self.faults = Counter()
        self.said = 0
        self.samples = []
        self.lost, self.doubled = 0, 0
        self._questions, self._answers = Counter(), Counter()
        self._stop = threading.Event()

    def run(self):
        """Everything; the list of what is wrong."""
        self.backend.start()
        try:
            self.household = Household.settle(self.backend.base_url, chats=CHATS)
            with FaultProxy("127.0.0.1", self.backend.port) as self.proxy:
                self.daemon = SoakedDaemon(self.folder, self.proxy.base_url, self.household.agent_token)
                self.daemon.start()
                try:
                    self.daemon.wait_event("stream.connected")
                    return self._soak()
                finally:
                    self._stop.set()
                    self.daemon.reap()
        finally:
            self.backend.kill()

    def _soak(self):
        began = time.monotonic()
        beside = [
            threading.Thread(target=work, name=work.__name__, daemon=True)
            for work in (self._talk, self._break)
        ]
        for thread in beside:
            thread.start()
        print(
            f"{'minute':>7}{'rss':>8}{'pss':>8}{'tasks':>7}{'threads':>9}{'fds':>6}{'journal':>9}"
            f"{'said':>8}{'answered':>10}{'doubled':>9}{'faults':>8}"
        )
        interval = min(60.0, self.seconds / 12)
        for number in range(1, round(self.seconds / interval) + 1):
            time.sleep(max(0.0, began + number * interval - time.monotonic()))
            self._look(time.monotonic() - began)
        self._stop.set()
        for thread in beside:
            thread.join(60)
        self._settle()
        return self._judge()

    def _talk(self):
        while not self._stop.wait(self.dice.expovariate(self.rate)):
            with suppress(OSError):
                chat_id = self.dice.choice(self.household.chats)
                self.backend.ask(
                    "say", user_id=self.household.owner_id, chat_id=chat_id, content=f"n{self.said}"
                )
                self.said += 1

    def _break(self):
        scale = min(1.0, self.seconds / 600)
        while not self._stop.wait(self.dice.uniform(*FAULT_SECONDS) * scale):
            name = self.dice.choice(sorted(FAULTS))
            with suppress(OSError):
                FAULTS[name](self)
                self.faults[name] += 1

    def _look(self, at):
        self._count_answers()
        taken = sample.take(self.daemon.pid, self.folder / "state", at=at)
        self.samples.append(taken)
        print(
            f"{at / 60:7.1f}{taken.rss:8.1f}{taken.pss:8.1f}{taken.tasks:7}{taken.threads:9}"
            f"{taken.descriptors:6}{taken.journal:9.2f}{self.said:8}{self._answered():10}"
            f"{self.doubled:9}{self.faults.total():8}",
            flush=True,
        )

    def _count_answers(self):
        self._questions, self._answers = Counter(), Counter()
        for chat_id in self.household.chats:
            for message in self.backend.ask_until("messages", chat_id=chat_id, limit=10**9):
                word, _, rest = message["content"].partition(" ")
                if word == "re":
                    self._answers[chat_id, rest] += 1
                else:
                    self._questions[chat_id, word] += 1
        self.lost = sum((self._questions - self._answers).values())
        self.doubled = sum((self._answers - self._questions).values())

    def _answered(self):
        return self._questions.total() - self.lost

    def _settle(self):
        """Wait, without faults, until everything is answered."""
        self.backend.ask_until("fault", name="clear")
        deadline = time.monotonic() + SETTLE_SECONDS
        while True:
            self._count_answers()
            if not self.lost or time.monotonic() > deadline:
                return
            time.sleep(1)

    def _judge(self):
        print(f"faults: {dict(sorted(self.faults.items()))}")
        wrong = [f"{self.lost} lost"] if self.lost else []
        wrong += [f"{self.doubled} answered twice"] if self.doubled else []
        warm = self.samples[round(len(self.samples) * WARM_UP) :]
        for name, (unit, bound) in BOUNDS.items():
            line = trend([(each.at, getattr(each, name)) for each in warm])
            print(
                f"{name:12} {line.growth:+8.2f} ± {line.error:.2f} {unit} over {line.hours * 60:.0f} min"
                f" = {line.per_hour:+.2f} {unit}/h; at most {bound:g} {unit}"
            )
            if line.exceeds(bound):
                wrong.append(f"{name} grows: {line.growth:+.2f} {unit}")
        per_message = self.samples[-1].journal * sample.MEBIBYTE / max(1, self._answered())
        print(
            f"journal      {per_message:.0f} bytes per answered message; at most {JOURNAL_BYTES_PER_MESSAGE}"
        )
        if per_message > JOURNAL_BYTES_PER_MESSAGE and self._answered() > ENOUGH:
            wrong.append(f"journal: {per_message:.0f} bytes per message")
        print(f"said {self.said}, answered {self._answered()}, lost {self.lost}, doubled {self.doubled}")
        return wrong


def main():
    """Run, print, judge."""
    minutes, rate = float(os.environ.get("SOAK_MINUTES", "60")), float(os.environ.get("SOAK_RATE", "3"))
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="soak-")))
        wrong = Soak(folder, seconds=minutes * 60, rate=rate).run()
    print("\n".join(f"WRONG: {each}" for each in wrong) or "flat")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
