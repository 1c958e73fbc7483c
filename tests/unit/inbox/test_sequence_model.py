"""
Whatever a server does with its numbers, nothing that it can still replay is lost, and nothing is new work twice.

The journal is a dictionary here, and the listener a few lines; the machine decides when what happens. A long form:
`SESSION_EXAMPLES=10000 pytest tests/unit/inbox/test_sequence_model.py`.
"""

from __future__ import annotations

import os
from collections import deque

import hypothesis
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from mycel_runtime.inbox import checkpoint as checkpoint_module
from mycel_runtime.inbox import sequence as sequence_module
from mycel_runtime.inbox.sequence import Received, SequenceTracker
from mycel_runtime.journal.checkpoint import Checkpoint
from mycel_runtime.journal.entry import Mark
from mycel_runtime.wire.codec import decode_frame
from tests.unit.inbox.numbering import RING, Handler, Numbered, Overflowed, Server

EXAMPLES = int(os.environ.get("SESSION_EXAMPLES", "300"))
MEMORY = 4 * RING
MOST_CONNECTIONS = 5
RUBBISH = ["{", '{"type":"hello"}', '{"type":"notify","seq":"x"}']

WORKERS = st.integers(0, 1)


class Journal:
    """What outlives the process: rows by epoch and number, and the checkpoint; the first row of a number stays."""

    def __init__(self):
        self.checkpoint = Checkpoint(identity="me", server="s", epoch=1, since_seq=0)
        self.rows = {}
        self.unnumbered = []

    def marks(self):
        epoch = self.checkpoint.epoch
        seqs = sorted(seq for of, seq in self.rows if of == epoch)[-MEMORY:]
        entries = {seq: self.rows[epoch, seq][0] for seq in seqs}
        return {seq: Mark(fingerprint=each.fingerprint, ts=each.ts) for seq, each in entries.items()}


class SessionMachine(RuleBasedStateMachine):
    """A server of one or two processes, and a listener that may die at any moment."""

    @initialize(workers=st.integers(1, 2))
    def begin(self, workers):
        self.patches = pytest.MonkeyPatch()
        self.patches.setattr(checkpoint_module, "RING_FRAMES", RING)
        self.patches.setattr(sequence_module, "RING_FRAMES", RING)
        self.patches.setattr(sequence_module, "MEMORY_FRAMES", MEMORY)
        self.server = Server(workers)
        self.journal = Journal()
        self.tracker = SequenceTracker(self.journal.checkpoint, {})
        self.worker = None
        self.answers = deque()
        self.told = set()  # what is durable
        self.overflowed = set()  # whose ring told a tracker where to begin, by epoch
        self.timed = set()  # what this tracker has seen with its time
        self.is_fooled = False
        self.texts = 0
        self.is_confusing = workers > 1  # whether there was any reason to doubt whose numbers these are
        self.connect(0, is_resume_read=True)

    def teardown(self):
        if hasattr(self, "server"):
            try:
                self.become_quiet(0)
            finally:
                self.patches.undo()

    def of(self, worker):
        return worker % len(self.server.processes)

    # What happens on the server

    @rule(number=st.integers(1, RING + 2))
    def happen(self, number):
        for _ in range(number):
            self.texts += 1
            self.server.queue.append(f"event {self.texts}")

    @rule()
    def happen_again(self):
        """The same words, another event (Q47)."""
        self.server.queue.append("again")

    @rule(chat=st.sampled_from("cd"))
    def say(self, chat):
        self.texts += 1
        self.server.unread[chat] = f"{chat} {self.texts}"

    @rule()
    def read(self):
        self.server.unread.clear()

    @rule(times=st.integers(1, 2))
    def wake(self, times):
        """Twice is usual (Q8)."""
        for _ in range(times):
            self.server.wake()

    @rule(worker=WORKERS)
    def drain_elsewhere(self, worker):
        """Somebody else takes the queue (Q9)."""
        self.server.drain(self.of(worker))

    @rule(worker=WORKERS)
    def steal(self, worker):
        """A second subscriber (Q10); ours stands and is deaf."""
        self.server.handlers[self.of(worker)] = Handler.OTHERS

    @rule(worker=WORKERS)
    def deafen(self, worker):
        """Somebody's end unregisters whoever is there (Q11, Q12)."""
        self.server.handlers.pop(self.of(worker), None)

    @rule(worker=WORKERS)
    def restart(self, worker):
        self.is_confusing = True
        self.server.restart(self.of(worker))
        if self.worker == self.of(worker):
            self.cut()

    # What we do

    @rule(worker=WORKERS, is_resume_read=st.booleans())
    def connect(self, worker, is_resume_read):
        """Also while connected: then we have given the connection up."""
        self.cut()
        self.worker = self.of(worker)
        self.is_confusing |= not is_resume_read
        self.server.connect(self.worker, self.tracker.resume(), is_resume_read=is_resume_read)

    @precondition(lambda self: self.worker is not None)
    @rule()
    def cut(self):
        self.server.leave()
        self.worker = None

    @precondition(lambda self: self.worker is not None)
    @rule(raw=st.sampled_from(RUBBISH))
    def send_rubbish(self, raw):
        self.server.socket.append(raw)

    @precondition(lambda self: self.server.socket)
    @rule(number=st.integers(1, 2 * RING), is_lost=st.booleans())
    def receive(self, number, is_lost):
        """Some of what has come down; with `is_lost` we die before the commit."""
        self.take(number, is_lost=is_lost)

    @rule(worker=WORKERS, is_lost=st.booleans())
    def drain(self, worker, is_lost):
        """By HTTP; the answer takes its time (Q55), or never comes (Q23)."""
        items = self.server.drain(self.of(worker))
        if items and not is_lost:
            self.answers.append((self.tracker.checkpoint, items))

    @precondition(lambda self: self.answers)
    @rule(is_lost=st.booleans())
    def be_answered(self, is_lost):
        self.take_answer(is_lost=is_lost)

    @rule()
    def crash(self):
        self.answers.clear()
        if self.worker is not None:
            self.cut()
        self.timed.clear()
        self.tracker = SequenceTracker(self.journal.checkpoint, self.journal.marks())

    @rule(worker=WORKERS)
    def become_quiet(self, worker):
        """
        One last event, which our own drain takes; then nobody speaks any more, and what a drain has shown is read, or
        each drain would show it again under another number. A few connections, and all is well.

        Without that event a restarted server has no way to show us that it is another one: a resume beyond its
        numbers is answered by silence. `test_q1_silence_after_a_restart_ends_with_the_next_number` is about it.

        Nor has it if it gives the same number to the same words (Q47) and one of the two came by HTTP, without its
        time: nobody can tell them apart.
        """
        worker = self.of(worker)
        while self.server.socket:
            self.take(RING)
        while self.answers:
            self.take_answer()
        self.server.handlers.clear()
        self.happen(1)
        for _ in range(MOST_CONNECTIONS):
            self.connect(worker, is_resume_read=True)
            is_replaced = self.take(len(self.server.socket)) if self.server.socket else False
            self.drain(worker, is_lost=False)
            self.read()
            while self.answers:
                self.take_answer()
            if not is_replaced and not self.missing():
                break
        assert not is_replaced, "still asks for another connection"
        assert self.is_fooled or self.is_mixed() or self.is_led() or self.missing() == []

    def is_mixed(self):
        """Of several workers, each may go on just where the other has stopped: nothing contradicts then (Q2)."""
        return len(self.server.processes) > 1 and len(self.heard() | self.leaders()) > 1

    def is_led(self):
        """An overflow moved us and the ring behind it was gone before we came: no frame of it can contradict."""
        return bool(self.leaders() - self.heard() - {self.server.processes[self.worker].id})

    def heard(self):
        epoch = self.tracker.checkpoint.epoch
        return {frame.process for (of, _), (_, frame) in self.journal.rows.items() if of == epoch}

    def leaders(self):
        return {process for epoch, process in self.overflowed if epoch == self.tracker.checkpoint.epoch}

    def missing(self):
        """What the connected process could replay and the journal does not know."""
        return [frame for frame in self.server.processes[self.worker].ring if frame not in self.told]

    # The listener

    def take(self, number, *, is_lost=False):
        """Whether the connection was replaced."""
        socket = self.server.socket
        taken = [socket.popleft() for _ in range(min(number, len(socket)))]
        raws = [each if isinstance(each, str) else each.raw for each in taken]
        received = [Received(frame=decode_frame(raw), raw=raw) for raw in raws]
        step = self.tracker.receive(received, now=0.0)
        if is_lost:
            self.crash()
            return False
        self.commit(step, taken, has_times=True)
        if step.reconnect:
            self.cut()
        return step.reconnect

    def take_answer(self, *, is_lost=False):
        asked_at, items = self.answers.popleft()
        received = [Received(frame=each.item, raw=each.raw) for each in items]
        step = self.tracker.drained(received, asked_at=asked_at, now=0.0)
        if is_lost:
            self.crash()
        else:
            self.commit(step, items, has_times=False)

    def commit(self, step, taken, *, has_times):
        """As the journal does: rows first, a known number's stays; then the checkpoint may move."""
        before = self.journal.checkpoint
        frames = [each for each in taken if isinstance(each, Numbered)]
        epoch = step.checkpoint.epoch
        self.overflowed |= {(epoch, each.process) for each in taken if isinstance(each, Overflowed)}
        numbered = [heard.entry for heard in step.heard if heard.entry.seq is not None]
        self.journal.unnumbered += [heard.entry for heard in step.heard if heard.entry.seq is None]
        assert [entry.seq for entry in numbered] == [frame.seq for frame in frames]
        for entry, frame in zip(numbered, frames, strict=True):
            self.insert(entry, frame, has_times=has_times)
        assert (step.checkpoint.epoch, step.checkpoint.since_seq) >= (before.epoch, before.since_seq)
        self.journal.checkpoint = step.checkpoint
        self.check_advance(before, step.checkpoint, frames)

    def insert(self, entry, frame, *, has_times):
        known, was = self.journal.rows.setdefault((entry.epoch, entry.seq), (entry, frame))
        is_timed = known.ts is not None or was in self.timed
        if frame != was:
            assert known.fingerprint == entry.fingerprint, f"{frame} was taken for {was}"
            assert not (has_times and is_timed), f"{frame} was taken for {was}"
            self.is_fooled = True
        self.timed |= {frame} if has_times else set()
        self.told.add(frame)

    def check_advance(self, before, after, frames):
        """Each number that was passed is held, or the process that spoke cannot replay it."""
        if not frames or (before.epoch, before.since_seq) == (after.epoch, after.since_seq):
            return
        start = before.since_seq if before.epoch == after.epoch else 0
        passed = range(start + 1, after.since_seq + 1)
        unheld = {seq for seq in passed if (after.epoch, seq) not in self.journal.rows}
        processes = [each for each in self.server.processes if each.id == frames[-1].process]
        lost = [frame for process in processes for frame in process.ring if frame.seq in unheld]
        assert lost == []

    # What must be true at any moment

    @invariant()
    def a_replay_is_no_new_work(self):
        epochs = [(epoch, frame) for (epoch, _), (_, frame) in self.journal.rows.items()]
        assert len(epochs) == len(set(epochs))

    @invariant()
    def an_epoch_ends_only_for_a_reason(self):
        assert self.is_confusing or self.tracker.checkpoint.epoch == 1


SessionMachine.TestCase.settings = hypothesis.settings(
    max_examples=EXAMPLES, stateful_step_count=40, deadline=None
)
# The time of shrinking a failure; else it takes a few seconds.
TestSession = pytest.mark.timeout(300 + EXAMPLES)(SessionMachine.TestCase)
