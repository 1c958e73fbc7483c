"""
Any order of hints, claims, ends and crashes: no work is lost, no lane runs twice, no turn goes back.

The model knows what the journal may not forget; where the journal keeps it is read from the file.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import shutil
import sqlite3
import tempfile
from collections import Counter
from pathlib import Path

import hypothesis
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from mycel_runtime.journal.batch import Batch
from mycel_runtime.journal.changes import Changes, EndOutcome, Firing, ItemChange, NewTimer, TimerKey
from mycel_runtime.journal.cursor import STAY, CursorMove
from mycel_runtime.journal.delivery import ChatDelivery, EventDelivery
from mycel_runtime.journal.retention import START, Age
from mycel_runtime.journal.sqlite.journal import SqliteJournal
from mycel_runtime.journal.work import EventWork
from tests.engines.listening import append
from tests.integration.journal.samples import (
    ME,
    arrivals,
    bury,
    chat_work,
    checkpoint,
    entry,
    event_work,
    finish,
)

CHATS = st.sampled_from(["c", "d"])
HANDLERS = st.sampled_from(["p.one", "p.two"])
KEYS = st.sampled_from(["a", "b"])
DICE = st.integers(0, 1_000)


class JournalMachine(RuleBasedStateMachine):
    """A world of two chats and two handlers, and the journal that must keep up with it."""

    def __init__(self):
        super().__init__()
        self.loop = asyncio.Runner()
        self.folder = Path(tempfile.mkdtemp())
        self.now = 0.0
        self.newest = Counter()  # of each chat's messages
        self.owed = {}  # (handler, chat) -> the message that it has been told of
        self.covered = Counter()  # (handler, chat) -> given to it, or buried
        self.running = []  # (delivery, what its handler has read so far)
        self.events = {}  # seq -> handler, not ended yet
        self.stale = []
        self.turns = Counter()
        self.letters = set()
        self.items = {}  # key -> value
        self.timers = {}  # key -> due at
        self.fired = Counter()  # key -> firings that have not ended yet
        self.buried = {}  # letter -> key of the firing that it is of

    @initialize()
    def open(self):
        self.journal = SqliteJournal(self.folder, clock=lambda: self.now)
        self.journal.open()
        self.reader = sqlite3.connect(self.folder / "journal.sqlite3", isolation_level=None)
        self.run(self.journal.recover(ME))

    def run(self, verb):
        return self.loop.run(verb)

    def teardown(self):
        with contextlib.closing(self.loop):
            self.close()

    def close(self):
        self.reader.close()
        self.run(self.journal.close())
        shutil.rmtree(self.folder)

    # What comes in

    @rule(chat=CHATS, handler=HANDLERS, number=st.integers(1, 5), is_numbered=st.booleans())
    def messages(self, chat, handler, number, is_numbered):
        """One hint for them all, or the last of several."""
        self.newest[chat] += number
        self.hint(chat, handler, self.newest[chat] if is_numbered else None)
        self.owed[handler, chat] = self.newest[chat]

    @rule(chat=CHATS, handler=HANDLERS, seq=st.integers(1, 12))
    def old_hint(self, chat, handler, seq):
        """A replay; may also name a message that nobody will ever see."""
        self.hint(chat, handler, seq)

    def hint(self, chat, handler, seq):
        work = chat_work(seq, chat=chat, handler=handler)
        self.run(self.journal.hint(ME, (work,)))

    @rule(handler=HANDLERS, replays=st.integers(0, 3))
    def event(self, handler, replays):
        last = self.run(self.journal.checkpoint(ME))
        seq = last.since_seq + 1 if last else 1
        numbered = map(entry, range(max(1, seq - replays), seq + 1))
        events = [event_work(handler=handler, lane="chat:c", chat="c")]
        batch = Batch(identity=ME, arrivals=arrivals(*numbered, events=events), checkpoint=checkpoint(seq))
        assert self.run(append(self.journal, batch)) == 1
        self.events[seq] = handler

    @rule(seconds=st.integers(1, 20))
    def wait(self, seconds):
        self.now += seconds

    # What is done about it

    @rule(limit=st.integers(1, 3))
    def claim(self, limit):
        claimed = list(self.run(self.journal.claim(ME, limit=limit)))
        assert len(claimed) <= limit
        if suspect := self.run(self.journal.claim_suspect(ME)):
            claimed.append(suspect)
        for delivery in claimed:
            assert delivery.due_at <= self.now
            assert delivery.turn >= self.turns[delivery.delivery_id]
            self.turns[delivery.delivery_id] = delivery.turn
            if isinstance(delivery, EventDelivery) and not delivery.fired:
                waiting = [seq for seq, handler in self.events.items() if handler == delivery.handler]
                assert delivery.entry.seq == min(waiting)
        self.running += [(delivery, self.newest[delivery.chat_id]) for delivery in claimed]

    def take(self, dice):
        return self.running.pop(dice % len(self.running))

    @precondition(lambda self: self.running)
    @rule(dice=DICE)
    def read_again(self, dice):
        """The handler is superseded and reads what has come meanwhile."""
        delivery, _ = self.take(dice)
        self.running.append((delivery, self.newest[delivery.chat_id]))

    @precondition(lambda self: self.running)
    @rule(dice=DICE, gap=st.none() | st.integers(1, 3))
    def finish(self, dice, gap):
        delivery, read = self.take(dice)
        if isinstance(delivery, EventDelivery):
            assert self.run(finish(self.journal, delivery))
            self.settle(delivery)
        else:
            wanted = None if gap is None else read + gap
            assert self.run(finish(self.journal, delivery, read, wanted_seq=wanted))
            self.cover(delivery, read)
        self.ended(delivery)

    @precondition(lambda self: self.running)
    @rule(
        dice=DICE,
        key=KEYS,
        value=st.none() | st.integers(0, 9),
        basis=st.sampled_from(["read", "blind", "outdated"]),
        delay=st.none() | st.integers(0, 20),
        is_cancelled=st.booleans(),
    )
    def finish_with_changes(self, dice, key, value, basis, delay, is_cancelled):
        """What is made from an outdated value changes nothing, and the delivery runs on."""
        delivery, read = self.take(dice)
        version = dict(self.rows("SELECT key, version FROM item")).get(key, 0)
        made_from = {"read": version, "blind": None, "outdated": version + 1_000}[basis]
        text = None if value is None else str(value)
        timer = NewTimer(name="t", key=key, due_at=self.now + (delay or 0), data=key, is_relative=False)
        changes = Changes(
            items=(ItemChange(chat_id=None, key=key, value=text, made_from=made_from),),
            timers=() if delay is None else (timer,),
            cancelled=(TimerKey("t", key),) if is_cancelled else (),
        )
        move = STAY if isinstance(delivery, EventDelivery) else CursorMove(handled_seq=read)
        end = self.run(self.journal.finish(delivery, move, changes=changes))
        if basis == "outdated":
            assert end.outcome is EndOutcome.OUTDATED
            self.running.append((delivery, read))
            return
        assert end.outcome is EndOutcome.DONE
        self.settle(delivery)
        self.cover(delivery, read)
        self.ended(delivery)
        self.items |= {key: text}
        if is_cancelled:
            self.timers.pop(key, None)
            self.fired[key] = sum(
                isinstance(each, EventDelivery) and each.fired is not None and each.fired.key == key
                for each, _ in self.running
            )
        if delay is not None:
            self.timers[key] = timer.due_at

    @rule(limit=st.integers(1, 3))
    def fire(self, limit):
        due = self.run(self.journal.timers_due(ME, names={("p", "t")}, limit=limit))
        assert [timer.due_at for timer in due] == sorted(
            due_at for due_at in self.timers.values() if due_at <= self.now
        )[:limit]
        firings = [
            Firing(timer=timer, work=EventWork(handler="p.timer", lane=f"timer:{timer.key}")) for timer in due
        ]
        for expected in (len(due), 0):
            assert self.run(self.journal.fire(ME, firings)) == expected
        for timer in due:
            del self.timers[timer.key]
            self.fired[timer.key] += 1
        next_at = self.run(self.journal.next_timer_at(ME, after=self.now))
        assert next_at == min((due_at for due_at in self.timers.values() if due_at > self.now), default=None)

    @precondition(lambda self: self.running)
    @rule(dice=DICE)
    def bury(self, dice):
        delivery, read = self.take(dice)
        assert self.run(bury(self.journal, delivery, None if isinstance(delivery, EventDelivery) else read))
        self.settle(delivery)
        self.cover(delivery, read)
        self.ended(delivery)
        letters = {letter.dead_letter_id for letter in self.run(self.journal.dead_letters(ME))}
        (new,) = letters - self.letters
        self.letters = letters
        if isinstance(delivery, EventDelivery) and delivery.fired:
            self.buried[new] = delivery.fired.key

    @precondition(lambda self: self.running)
    @rule(dice=DICE, delay=st.integers(0, 10), spend=st.booleans())
    def postpone(self, dice, delay, spend):
        delivery, _ = self.take(dice)
        assert self.run(self.journal.postpone(delivery, after=delay, spend=spend))
        self.stale.append(delivery)

    @precondition(lambda self: self.letters)
    @rule(dice=DICE)
    def revive(self, dice):
        """Its work is not owed a second time; it only must not be in the way."""
        letter = sorted(self.letters)[dice % len(self.letters)]
        (told,) = [each for each in self.run(self.journal.dead_letters(ME)) if each.dead_letter_id == letter]
        assert self.run(self.journal.revive(ME, letter))
        self.letters.remove(letter)
        if key := self.buried.pop(letter, None):
            self.fired[key] += 1
        if told.chat_id and told.through_seq is None:
            (seq,) = self.rows(
                "SELECT seq FROM delivery JOIN entry USING (entry_id) ORDER BY delivery_id DESC LIMIT 1"
            )[0]
            self.events[seq] = told.handler

    @precondition(lambda self: self.stale)
    @rule(dice=DICE, verb=st.sampled_from(["finish", "bury", "postpone"]))
    def late(self, dice, verb):
        """Somebody comes back with a claim that is not theirs any more."""
        delivery = self.stale[dice % len(self.stale)]
        change = {
            "finish": lambda: finish(self.journal, delivery, 1_000),
            "bury": lambda: bury(self.journal, delivery, 1_000),
            "postpone": lambda: self.journal.postpone(delivery, after=1e9, spend=True),
        }
        assert not self.run(change[verb]())

    @rule()
    def sweep(self):
        """All that there is counts as old, and nothing that matters goes."""
        place, age = START, Age(rows=-1e9, letters=math.inf)
        while place is not None:
            place = self.run(self.journal.sweep(place, age, kept_numbers=4)).place
        orphans = "SELECT count(*) FROM entry WHERE entry_id NOT IN (SELECT max(entry_id) FROM entry)"
        named = "SELECT entry_id FROM {} WHERE entry_id IS NOT NULL"
        for table in ("delivery", "dead_letter", "firing", "turn"):
            orphans += f" AND entry_id NOT IN ({named.format(table)})"
        assert self.rows(orphans)[0][0] <= 4

    @rule()
    def crash(self):
        """Go on with the file and the log as a killed process leaves them."""
        left = Path(tempfile.mkdtemp())
        for path in self.folder.glob("journal.sqlite3*"):
            shutil.copy(path, left)
        self.close()
        self.folder = left
        self.stale += [delivery for delivery, _ in self.running]
        self.running = []
        self.open()

    def settle(self, delivery):
        """An event has ended, be it a firing."""
        if not isinstance(delivery, EventDelivery):
            return
        if delivery.fired:
            assert delivery.fired.data == delivery.fired.key
            self.fired[delivery.fired.key] -= 1
        else:
            del self.events[delivery.entry.seq]

    def cover(self, delivery, through):
        if isinstance(delivery, ChatDelivery):
            key = delivery.handler, delivery.chat_id
            self.covered[key] = max(self.covered[key], through)

    def ended(self, delivery):
        self.stale.append(delivery)
        self.turns[delivery.delivery_id] = delivery.turn + 1

    # What must be true at any moment

    def rows(self, query):
        return self.reader.execute(query).fetchall()

    @invariant()
    def no_work_is_lost(self):
        state = {
            (handler, chat): state
            for handler, chat, state in self.rows(
                "SELECT handler, chat_id, state FROM delivery WHERE entry_id IS NULL AND dead_letter_id IS NULL"
            )
        }
        lost = [
            key
            for key, told in self.owed.items()
            if told > self.covered[key] and state.get(key) not in {"due", "running"}
        ]
        assert lost == []
        kept = {seq for (seq,) in self.rows("SELECT seq FROM delivery JOIN entry USING (entry_id)")}
        assert kept - {None} == set(self.events)

    @invariant()
    def what_is_remembered_and_planned_is_there(self):
        items = {key: text for key, text in self.items.items() if text is not None}
        assert dict(self.rows("SELECT key, value FROM item")) == items
        assert dict(self.rows("SELECT key, due_at FROM timer")) == self.timers
        assert self.rows("SELECT key FROM timer WHERE look_at > due_at") == []
        fired = "SELECT key, count(*) FROM firing JOIN delivery USING (entry_id) GROUP BY key"
        assert dict(self.rows(fired)) == {key: count for key, count in self.fired.items() if count}

    @invariant()
    def what_is_wanted_is_due_or_running(self):
        idle = "SELECT handled_seq, wanted_seq FROM delivery WHERE state = 'idle'"
        assert [row for row in self.rows(idle) if row[1] > (row[0] or 0)] == []

    @invariant()
    def no_lane_runs_twice(self):
        running = [lane for (lane,) in self.rows("SELECT lane FROM delivery WHERE state = 'running'")]
        assert sorted(running) == sorted(delivery.lane for delivery, _ in self.running)
        assert len(running) == len(set(running))

    @invariant()
    def no_turn_goes_back(self):
        turns = dict(self.rows("SELECT delivery_id, turn FROM delivery"))
        assert [each for each, turn in turns.items() if turn < self.turns[each]] == []
        assert {each: turns[each] for each in turns if each in self.turns} == {
            each: self.turns[each] for each in turns if each in self.turns
        }


# The time of shrinking a failure; else it takes a few seconds.
pytestmark = pytest.mark.timeout(300)
JournalMachine.TestCase.settings = hypothesis.settings(max_examples=40, stateful_step_count=40, deadline=None)
TestJournalMachine = JournalMachine.TestCase
