"""
The chaos campaign: numbered messages and relationship events, while everything that can break does.

    python -m tests.chaos.campaign [--messages 30000] [--events 2000] [--kills 200] [--seed 1]

Prints a table; exit status 1 if anything was lost, shown out of order, or a checkpoint was ahead of its journal.
"""

from __future__ import annotations

import contextlib
import random
import sys
import threading
import time
from collections import Counter

import httpx

from mycel_runtime.sdk import Client
from tests.chaos import evidence
from tests.chaos.command_line import conclude, folder_of, read_options, report
from tests.chaos.household import Household
from tests.chaos.noting import first_showings
from tests.chaos.proxy import FaultProxy
from tests.chaos.stage import Backend, Daemon

CHATS = 50
TROUBLE = (httpx.TransportError, OSError)
STUCK_SECONDS = 30.0
DRAINS_PER_OVERFLOW = 7
WORKING_LIVES = 0.7


class Campaign:
    """
    One run.

    Args:
        folder: For everything that is written.
        messages: In all, spread over the kills.
        events: Relationship requests, each by a user of its own.
        kills: SIGKILLs of the daemon.
        seed: Of the dice.
    """

    def __init__(self, folder, *, messages, events, kills, seed):
        self.backend = Backend(folder)
        self.folder = folder
        self.messages = messages
        self.events = events
        self.kills = kills
        self.dice = random.Random(seed)
        self.faults = Counter()
        self.wrong = []
        self.said = 0
        self.last_seqs = {}
        self._marked = Counter()
        self._quiet = threading.Lock()
        self._hush = threading.Event()

    def run(self):
        """Everything; the table's rows."""
        began = time.monotonic()
        self.backend.start()
        self.http = httpx.Client(base_url=self.backend.base_url, timeout=10)
        try:
            self._settle_in()
            with FaultProxy("127.0.0.1", self.backend.port) as self.proxy:
                self.daemon = Daemon(
                    self.folder, self.proxy.base_url, self.household.agent_token, reconcile_interval=1.0
                )
                try:
                    self._first_look()
                    for number in range(self.kills):
                        self._round(number)
                    self._finish()
                finally:
                    self.daemon.reap()
            return self._table(time.monotonic() - began)
        finally:
            self.http.close()
            self.backend.kill()

    def _settle_in(self):
        """An owner, his agent, their chats, and everybody who will ask for a relationship."""
        self.household = Household.settle(self.backend.base_url, chats=CHATS)
        with Client(base_url=self.backend.base_url, auth_token=self.household.owner_token) as client:
            self.strangers = [
                client.auth.create_external_user(f"stranger-{number}", f"Stranger {number}")["token"]
                for number in range(self.events)
            ]

    def _first_look(self):
        """What was there before the agent first looked is no news to it: let it look once."""
        self.daemon.start()
        self.daemon.wait_event("reconcile.finished")
        self.daemon.kill()

    def _round(self, number):
        """One life of the daemon, ended at some instant of its start or of its work, and what happens meanwhile."""
        share = (number + 1) / self.kills
        self.daemon.start()
        if self.dice.random() < WORKING_LIVES:
            self.daemon.wait_event("identity.confirmed")
        ends = time.monotonic() + self.dice.uniform(0.2, 3.0)
        talking = threading.Thread(
            target=self._talk, args=(random.Random(self.dice.random()), share, ends), name="talk"
        )
        talking.start()
        try:
            while time.monotonic() < ends:
                time.sleep(self.dice.uniform(0.1, 1.2))
                self._break_something()
        finally:
            talking.join(60)
            self._hush.set()
            talking.join(60)
            self._hush.clear()
        self.daemon.kill()
        self.faults["daemon killed"] += 1
        self._check_checkpoint()
        if self.dice.random() < 0.15:
            self._overflow_ring()

    def _talk(self, dice, share, ends):
        """Say this round's messages in bursts, in pace with the round; mark read what was shown."""
        strangers = self.strangers[self.faults["requested"] : round(self.events * share)]
        pause = max(0.0, (ends - time.monotonic()) * 3 / max(1, round(self.messages * share) - self.said))
        while (self.said < round(self.messages * share) or strangers) and not self._hush.is_set():
            chat_id = dice.choice(self.household.chats)
            for _ in range(dice.randint(1, 5)):
                self._say(chat_id)
            if strangers and dice.random() < 0.3:
                self._request(strangers.pop())
            if dice.random() < 0.05:
                self._mark_read()
            time.sleep(pause)
        self._mark_read()

    def _say(self, chat_id):
        """As the owner. An answer that got lost may hide a message: the backend's history tells."""
        with contextlib.suppress(OSError), self._quiet:
            self.backend.ask("say", user_id=self.household.owner_id, chat_id=chat_id, content=f"{self.said}")
            self.said += 1

    def _request(self, token):
        """A stranger asks for a relationship; a repeated request is refused with 409, and that is well."""
        self.faults["requested"] += 1
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            with contextlib.suppress(*TROUBLE):
                answer = self.http.post(
                    "/api/relationships/request",
                    json={"target_user_id": "agent", "message": "hello"},
                    headers={"Authorization": f"Bearer {token}"},
                )
                if answer.status_code in {200, 409}:
                    return
            time.sleep(0.05)
        self.wrong.append("a relationship could not be requested")

    def _mark_read(self):
        """Move the server's cursor over what was shown, as an agent that answers does."""
        chats, _ = evidence.shown(self.daemon.shown)
        for chat_id, seqs in chats.items():
            if self._hush.is_set():
                return
            if (newest := max(seqs)) > self._marked[chat_id]:
                with contextlib.suppress(*TROUBLE):
                    self._as_agent(f"/api/chats/{chat_id}/read", {"up_to_seq": newest})
                    self._marked[chat_id] = newest

    def _as_agent(self, path, body=None):
        return self.http.post(path, json=body, headers=self._agents_headers)

    @property
    def _agents_headers(self):
        return {"Authorization": f"Bearer {self.household.agent_token}"}

    def _break_something(self):
        name = self.dice.choice(sorted(FAULTS))
        with contextlib.suppress(OSError):
            FAULTS[name](self)
            self.faults[name] += 1

    def end_life(self, act):
        """End the backend's life by `act`; nobody speaks meanwhile, so that its last number is known."""
        with self._quiet:
            self.last_seqs[len(self.backend.lives)] = self.backend.last_seq("agent")
            act()

    def kill_backend(self):
        """SIGKILL and a new process on the same file."""

        def act():
            self.backend.kill()
            self.backend.start()

        self.end_life(act)

    def drain(self, times=1):
        """Somebody else drains: what is numbered here is in the ring only."""
        for _ in range(times):
            with contextlib.suppress(*TROUBLE):
                self._as_agent("/api/runtime/inbox/drain")

    def _overflow_ring(self):
        """Number more than the ring holds while nobody listens."""
        for chat_id in self.household.chats:
            self._say(chat_id)
        self.drain(DRAINS_PER_OVERFLOW)
        self.faults["ring overflowed"] += 1

    def _check_checkpoint(self):
        found = evidence.checkpoint_and_numbers(self.daemon.journal) if self.daemon.journal.exists() else None
        if found is None:
            return
        epoch, since_seq, numbers, newest = found
        life = sum(1 for began in self.backend.lives if began <= newest)
        last_seq = self.last_seqs.get(life) or self.backend.last_seq("agent")
        if missing := evidence.unexplained(since_seq, numbers, last_seq=last_seq):
            self.wrong.append(
                f"checkpoint {since_seq} of epoch {epoch} (life {life}, last {last_seq}) without {missing[:20]}"
            )

    def _finish(self):
        """A last life without trouble, until everything has been shown or it is clear that it will not be."""
        self.backend.ask_until("fault", name="clear")
        self.daemon.start()
        self.daemon.wait_event("reconcile.finished")
        self.lost = self._lost()
        progress_at = time.monotonic()
        while self.lost and time.monotonic() < progress_at + STUCK_SECONDS:
            self._mark_read()
            time.sleep(0.5)
            if len(lost := self._lost()) < len(self.lost):
                progress_at = time.monotonic()
            self.lost = lost
        if self.daemon.stop() != 0:
            self.wrong.append("the daemon did not end well")
        self._check_checkpoint()

    def _truth(self):
        """Per chat the seqs that the backend stored; and the relationships that it knows."""
        chats = {
            chat_id: [
                message["seq"] for message in self.backend.ask_until("messages", chat_id=chat_id, limit=10**9)
            ]
            for chat_id in self.household.chats
        }
        rows = self.http.get("/api/relationships", headers=self._agents_headers).json()
        return chats, {row["id"] for row in rows}

    def _lost(self):
        """What has not been shown."""
        chats, relationships = self._truth()
        shown_chats, shown_relationships = evidence.shown(self.daemon.shown)
        lost = [
            f"message {chat} {seq}" for chat in chats for seq in set(chats[chat]) - set(shown_chats[chat])
        ]
        return lost + [f"relationship {key}" for key in relationships - set(shown_relationships)]

    def _table(self, seconds):
        chats, relationships = self._truth()
        shown_chats, shown_relationships = evidence.shown(self.daemon.shown)
        for chat_id, seqs in shown_chats.items():
            first = first_showings(seqs)
            if first != sorted(first):
                self.wrong.append(f"chat {chat_id} was shown out of order")
        facts = evidence.count_facts(self.daemon.logs)
        requested = self.faults.pop("requested")
        lost = Counter(line.split()[0] for line in self.lost)
        return [
            *((f"fault: {name}", count) for name, count in sorted(self.faults.items())),
            ("connections", facts["stream.connected"]),
            ("connections lost", facts["stream.ended"]),
            ("overflows told", facts["replay.overflowed"]),
            ("epochs begun", facts["epoch.changed"]),
            ("deafness noticed", facts["deafness.detected"]),
            ("reconciles answered", facts["reconcile.finished"]),
            ("reconciles failed", facts["reconcile.failed"]),
            ("frames received", facts["received"]),
            ("frames new", facts["new"]),
            ("replays and duplicates suppressed", facts["received"] - facts["new"]),
            ("messages stored by the backend", sum(map(len, chats.values()))),
            ("messages shown", sum(len(set(seqs)) for seqs in shown_chats.values())),
            ("messages shown again", sum(len(seqs) - len(set(seqs)) for seqs in shown_chats.values())),
            ("relationships requested", requested),
            ("relationships stored by the backend", len(relationships)),
            ("relationships shown", len(shown_relationships)),
            ("relationships shown again", sum(shown_relationships.values()) - len(shown_relationships)),
            ("messages lost", lost["message"]),
            ("relationships lost", lost["relationship"]),
            ("wrong", len(self.wrong)),
            ("seconds", round(seconds)),
        ]


FAULTS = {
    "connections cut": lambda on: on.proxy.cut(),
    "connections reset": lambda on: on.proxy.reset(),
    "connections half open": lambda on: on.proxy.half_open(),
    "connections refused": lambda on: on.proxy.refuse(on.dice.uniform(0.1, 1.0)),
    "traffic stalled": lambda on: on.proxy.stall(on.dice.uniform(0.1, 2.0)),
    "backend restarted": lambda on: on.end_life(on.backend.restart),
    "backend killed": lambda on: on.kill_backend(),
    "wakes swallowed": lambda on: on.backend.ask("fault", name="swallow_wakes", count=on.dice.randint(1, 20)),
    "drained by others": lambda on: on.drain(),
    "frames sent backwards": lambda on: on.backend.ask("fault", name="reorder_frames", count=3),
    "frames sent twice": lambda on: on.backend.ask("fault", name="duplicate_frames", count=3),
    "rubbish sent": lambda on: on.backend.ask("fault", name="send_raw", data="{]"),
    "drain answers lost": lambda on: on.backend.ask("fault", name="lose_answer", path=".*/drain"),
    "answers 500": lambda on: on.backend.ask(
        "fault", name="refuse", status=500, times=3, path="/api/chats.*"
    ),
}
"""By name: what to do to a campaign."""


def main():
    """Run, print, judge."""
    options = read_options(__doc__, messages=30_000, events=2_000, kills=200, seed=1)
    with folder_of(options) as folder:
        campaign = Campaign(
            folder,
            messages=options.messages,
            events=options.events,
            kills=options.kills,
            seed=options.seed,
        )
        report(campaign.run())
    return conclude(campaign.lost, campaign.wrong)


if __name__ == "__main__":
    sys.exit(main())
