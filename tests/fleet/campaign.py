"""
A fleet of hosts that share a database and its agents, while hosts, networks and the database fail.

    python -m tests.fleet.campaign [--hosts 3] [--identities 100] [--chats 1000] [--messages 30000] [--minutes 30]
                                   [--lease 10] [--seed 1] [--folder KEPT]

Prints how it goes, and a table; exit status 1 if anything was lost, said twice, out of order, or a timer fired twice.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import math
import random
import statistics
import sys
import threading
import time
from collections import Counter, defaultdict

import psycopg

from tests.chaos.command_line import conclude, folder_of, read_options, report
from tests.chaos.noting import noted
from tests.chaos.stage import Backend
from tests.engines.postgres_server import Databases, PostgresServer
from tests.fleet.hosts import Host, own_namespace, until
from tests.fleet.kinds import failed
from tests.fleet.people import People

STUCK_SECONDS = 60.0


class Campaign:
    """
    One run.

    Args:
        folder: For everything that is written.
        hosts, identities, chats, messages: How many.
        seconds: For how long people speak.
        lease_seconds: As of `[engine]`.
        faults: Names of `FAULTS`, in their order, again and again.
        seed: Of the dice.
        tell: Told how it goes.
    """

    def __init__(
        self,
        folder,
        *,
        hosts,
        identities,
        chats,
        messages,
        seconds,
        lease_seconds,
        faults,
        seed=1,
        tell=lambda _: None,
    ):
        self.folder = folder
        self.dice = random.Random(seed)
        self.lease_seconds = lease_seconds
        self.backend = Backend(folder)
        self.people = People(self.backend, identities=identities, chats=chats, dice=random.Random(seed + 1))
        self.faults = Counter()
        self.takeovers = defaultdict(list)
        self.untaken = []
        self._hosts_wanted, self._identities = hosts, identities
        self._messages, self._seconds = messages, seconds
        self._names = faults
        self._tell = tell
        self._prefix = own_namespace()
        self._shown = folder / "shown"

    def run(self):
        """Everything; what is not as it must be."""
        began = time.monotonic()
        with contextlib.ExitStack() as stack:
            self.backend.start()
            stack.callback(self.backend.kill)
            self.server = PostgresServer(connections=100 + 4 * self._identities)
            stack.callback(self.server.close)
            self.database = Databases(self.server.url).make()
            self.people.settle_in()
            self.hosts = [stack.enter_context(self._host(number)) for number in range(self._hosts_wanted)]
            for host in self.hosts:
                host.start(self._prefix)
            self._wait_all_held("the start")
            self._fail_while_people_speak()
            self._finish()
            self.verdict = self.people.judge(self._read_shown(), self._parked(), failed(self._shown))
            self.spread = sorted(self._held_by().values())
            for host in self.hosts:
                if host.is_running and (code := host.stop()) != 0:
                    self.verdict.lost.append(f"{host.name} ended with {code}")
        self.seconds = time.monotonic() - began
        return self.verdict.wrongs

    def _host(self, number):
        return Host(
            self.folder / f"host-{number}",
            database=self.database,
            backend=("127.0.0.1", self.backend.port),
            agents=self.people.tokens,
            apart=self.people.apart,
            lease_seconds=self.lease_seconds,
            shown=self._shown,
        )

    def _fail_while_people_speak(self):
        is_over = threading.Event()
        speaking = threading.Thread(target=self._speak, args=(is_over,), name="people")
        speaking.start()
        ends = time.monotonic() + self._seconds
        try:
            for name in self._endless_names(ends):
                self._tell(f"{self.people.messages} said; {name}")
                FAULTS[name](self)
                self.faults[name] += 1
                self._wait_all_held(name)
        finally:
            is_over.set()
            speaking.join(60)

    def _endless_names(self, ends):
        """Each once, and then again until the time is over."""
        yield from self._names
        while time.monotonic() < ends:
            yield self.dice.choice(self._names)

    def _speak(self, is_over):
        pause = self._seconds / self._messages
        while not is_over.is_set() or self.people.messages < self._messages:
            if self.people.messages < self._messages:
                self.people.say()
            elif is_over.is_set():
                return
            time.sleep(0 if is_over.is_set() else pause)

    # What is seen of the database, past all networks.

    def _ask(self, query):
        deadline = time.monotonic() + STUCK_SECONDS
        while True:
            try:
                with psycopg.connect(self.database, connect_timeout=5) as connection:
                    return connection.execute(query).fetchall()
            except psycopg.Error:
                assert time.monotonic() < deadline
                time.sleep(0.1)

    def holders(self):
        """By identity: token of the lease and the pid of who has it, if it stands."""
        rows = self._ask(
            "SELECT l.identity, l.token, p.place FROM lease AS l JOIN process AS p USING (process_id)"
            " WHERE l.expires_at > extract(epoch FROM clock_timestamp())"
        )
        return {identity: (token, place) for identity, token, place in rows}

    def _held_by(self):
        """By host: how many identities."""
        places = self._places()
        return Counter(places[place] for _, place in self.holders().values() if place in places)

    def _places(self):
        """By what a state directory is called in the database: its host."""
        return {
            file.read_text().strip(): host.name
            for host in self.hosts
            for file in (self.folder / host.name / "state").glob("*/journal.place")
        }

    def held(self, host):
        """Identities that a host is at work on, with their tokens."""
        places = self._places()
        return {
            identity: token
            for identity, (token, place) in self.holders().items()
            if places.get(place) == host.name
        }

    def _wait_all_held(self, after):
        until(
            lambda: len(self.holders()) == self._identities,
            f"somebody at work on each identity after {after}: {self._held_by()}",
        )

    def time_takeover(self, fault, held, began):
        """Until each of these identities has another lease than before."""
        deadline = began + 10 * self.lease_seconds + STUCK_SECONDS
        waiting = dict(held)
        while waiting and time.monotonic() < deadline:
            now = self.holders()
            for identity, token in list(waiting.items()):
                if identity in now and now[identity][0] > token:
                    self.takeovers[fault].append((time.monotonic() - began) / self.lease_seconds)
                    del waiting[identity]
            time.sleep(0.05)
        self.untaken += [f"{identity} after {fault}" for identity in waiting]

    def some_host(self):
        """One that runs, and is at work on something if any is."""
        running = [host for host in self.hosts if host.is_running]
        return max(self.dice.sample(running, len(running)), key=lambda host: bool(self.held(host)))

    def victim(self):
        """
        A host, once another one could take over from it; what it is at work on, and when that was.

        After a fault each of the others may still be starting, and then nobody is there who could.
        """
        host = self.some_host()
        until(
            lambda: any(each.is_at_its_post() for each in self.hosts if each is not host),
            f"another host than {host.name} that works or stands by for each agent",
        )
        return host, self.held(host), time.monotonic()

    def restart(self, host):
        """As a supervisor does."""
        host.start(self._prefix)

    # The end.

    def _finish(self):
        self._tell("waiting for the last answers")
        deadline = time.monotonic() + STUCK_SECONDS + 4 * self.lease_seconds
        while time.monotonic() < deadline:
            if self.people.is_answered(self._parked()):
                return
            time.sleep(0.5)

    def _parked(self):
        rows = self._ask("SELECT chat_id, count(*) FROM intent WHERE state = 'unknown' GROUP BY chat_id")
        return Counter(dict(rows))

    def _read_shown(self):
        shown = defaultdict(list)
        for plugin, chat_id, seq in noted(self._shown):
            shown[plugin, chat_id].append(int(seq))
        return shown

    def table(self):
        """Rows of what was seen."""
        facts = Counter(
            event["event"]
            for host in self.hosts
            for event in host.events("standby.begun", "lease.taken", "lease.lost", "lease.handed_over")
        )
        return [
            *((f"fault: {name}", count) for name, count in sorted(self.faults.items())),
            *((f"told: {name}", count) for name, count in sorted(facts.items())),
            *(
                (f"takeover after {name}, in lease lives", _spread_of(times))
                for name, times in sorted(self.takeovers.items())
            ),
            (
                "takeovers, in lease lives",
                _spread_of([each for all_ in self.takeovers.values() for each in all_]),
            ),
            ("identities by host at the end", self.spread),
            *((f"messages {what}", count) for what, count in sorted(self.verdict.counts.items())),
            ("lost", len(self.verdict.lost)),
            ("doubled", len(self.verdict.doubled)),
            ("parked", len(self.verdict.parked)),
            ("out of order", len(self.verdict.inverted)),
            ("timers fired twice", len(self.verdict.fired_twice)),
            ("runs that did not fail once", len(self.verdict.never_failed)),
            ("not taken over", len(self.untaken)),
            ("seconds", round(self.seconds)),
        ]


def _spread_of(times):
    if not times:
        return "-"
    ordered = sorted(times)
    p99 = ordered[min(len(ordered) - 1, math.ceil(len(ordered) * 0.99) - 1)]
    return f"p50 {statistics.median(ordered):.2f}, p99 {p99:.2f} of {len(ordered)}"


def _kill(on):
    host, held, began = on.victim()
    host.kill()
    on.time_takeover("host killed", held, began)
    on.restart(host)


def _stop(on):
    """Timed from the signal on: what runs, and hangs perhaps, is given the drain timeout first."""
    host, held, began = on.victim()
    code = host.stop()
    assert code == 0, code
    on.time_takeover("host stopped", held, began)
    on.restart(host)


def _freeze(on):
    host, held, began = on.victim()
    host.freeze()
    try:
        on.time_takeover("host frozen", held, began)
    finally:
        host.thaw()


def _cut_database(on):
    host, held, began = on.victim()
    host.database.vanish()
    try:
        on.time_takeover("cut from the database", held, began)
    finally:
        host.database.appear()


def _cut_backend(on):
    host = on.some_host()
    host.backend.vanish()
    time.sleep(on.lease_seconds)
    host.backend.appear()


def _restart_database(on):
    on.server.stop()
    on.server.start()


def _kill_database(on):
    on.server.kill()


FAULTS = {
    "host killed": _kill,
    "host stopped": _stop,
    "host frozen": _freeze,
    "cut from the database": _cut_database,
    "cut from the backend": _cut_backend,
    "database restarted": _restart_database,
    "database killed": _kill_database,
}
"""By name: what to do to a campaign."""


def main():
    """Run, print, judge."""
    options = read_options(
        __doc__,
        hosts=3,
        identities=100,
        chats=1000,
        messages=30_000,
        minutes=30.0,
        lease=10.0,
        seed=1,
    )
    began = time.monotonic()

    def tell(text):
        print(f"{dt.timedelta(seconds=round(time.monotonic() - began))} {text}", flush=True)

    with folder_of(options) as folder:
        campaign = Campaign(
            folder,
            hosts=options.hosts,
            identities=options.identities,
            chats=options.chats,
            messages=options.messages,
            seconds=60 * options.minutes,
            lease_seconds=options.lease,
            faults=tuple(FAULTS),
            seed=options.seed,
            tell=tell,
        )
        wrongs = campaign.run()
        report(campaign.table())
    return conclude(wrongs, campaign.untaken, told=campaign.verdict.parked)


if __name__ == "__main__":
    sys.exit(main())
