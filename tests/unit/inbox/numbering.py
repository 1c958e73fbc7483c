"""
A server as far as its numbers go: contract 5.1 and Q1 to Q16, Q45 to Q47, without sockets and clocks.

Several processes count apart, each with a ring of its own; the queue and what is unread are shared between them.
Whoever drains takes the queue and uses up numbers, also if nobody hears the answer.
"""

from __future__ import annotations

import enum
import itertools
from collections import deque
from dataclasses import dataclass, field

from mycel_runtime.wire.codec import decode_item, encode_notify, encode_overflow, fingerprint
from mycel_runtime.wire.frames import Notify, Overflow

RING = 16
"""Frames; small, so that a few steps overflow it, but not what happens while we connect."""


@dataclass(frozen=True)
class Numbered:
    """An item that a process has given a number, at a time; equal only to itself."""

    process: int
    seq: int
    text: str
    ts: float

    @property
    def metadata(self):
        return {"event_type": "something.happened", "summary": self.text}

    @property
    def raw(self):
        print_ = fingerprint(self.metadata)
        return encode_notify(Notify(seq=self.seq, fingerprint=print_, ts=self.ts, metadata=self.metadata))

    @property
    def item(self):
        """As an HTTP drain answers it."""
        return decode_item({"seq": self.seq, **self.metadata})


@dataclass(frozen=True)
class Overflowed:
    """What a process says in the place of a replay that it can no longer give."""

    process: int
    raw: str


@dataclass
class Process:
    """One worker, from its start to its restart."""

    id: int
    last_seq: int = 0
    ring: deque[Numbered] = field(default_factory=lambda: deque(maxlen=RING))

    def number(self, texts, ts):
        frames = []
        for text in texts:
            self.last_seq += 1
            frame = Numbered(self.id, self.last_seq, text, ts)
            self.ring.append(frame)
            frames.append(frame)
        return frames

    def replay(self, since_seq):
        """Frames, or the one overflow in their place (Q4)."""
        if self.ring and since_seq < self.ring[0].seq - 1:
            overflow = Overflow(since_seq=since_seq, oldest_seq=self.ring[0].seq)
            return [Overflowed(self.id, encode_overflow(overflow))]
        return [frame for frame in self.ring if frame.seq > since_seq]


class Handler(enum.Enum):
    """Whom a process wakes when the inbox has something (Q10: one at most)."""

    OURS = enum.auto()
    OTHERS = enum.auto()
    DEAD = enum.auto()


class Server:
    """All processes."""

    def __init__(self, workers):
        self._ids = itertools.count()
        self._clock = itertools.count(1)
        self.processes = [Process(next(self._ids)) for _ in range(workers)]
        self.handlers = {}
        self.queue = []
        self.unread = {}
        self.socket = deque()
        """What is on its way down our connection."""

    def restart(self, worker):
        """Numbers and ring are gone (Q1), and whoever was connected."""
        self.processes[worker] = Process(next(self._ids))
        self.handlers.pop(worker, None)

    def drain(self, worker):
        """Queue first, then every unread chat (Q7, Q46)."""
        texts = [*self.queue, *self.unread.values()]
        self.queue.clear()
        return self.processes[worker].number(texts, float(next(self._clock)))

    def connect(self, worker, since_seq, *, is_resume_read=True):
        """Subscribe; a wake that came first leaves the resume unread (Q14)."""
        self.socket.clear()
        self.handlers[worker] = Handler.OURS
        if is_resume_read:
            self.socket += self.processes[worker].replay(since_seq)

    def leave(self):
        """Our connection ends, and the server has not noticed: the next wake is for the dead (Q13)."""
        self.socket.clear()
        for worker, handler in self.handlers.items():
            if handler is Handler.OURS:
                self.handlers[worker] = Handler.DEAD

    def wake(self):
        """Each process that has a handler drains; nobody else does (Q6)."""
        for worker, handler in sorted(self.handlers.items()):
            frames = self.drain(worker)
            if handler is Handler.OURS:
                self.socket += frames[-RING:]  # Q45
            elif handler is Handler.DEAD and frames:
                del self.handlers[worker]
