"""
What a cursor means, and when it may move. Pure.

The server's numbers go to whoever drains: to this socket, to our own HTTP drain, to a connection that is already
dead. So numbers arrive out of order and with holes, and the cursor stands below the first hole (Q9, Q55).
"""

from __future__ import annotations

from dataclasses import field

from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.wire.ids import InboxSeq
from mycel_runtime.wire.limits import RING_FRAMES


@dataclass(slots=True)
class Progress:
    """
    The numbers of one epoch that are held.

    Attributes:
        since_seq: Everything up to here is held or can never be had any more.
        above: Held numbers beyond a hole.
        given_up: How many numbers were never held and can never be had any more.
    """

    since_seq: InboxSeq
    above: set[InboxSeq] = field(default_factory=set)
    given_up: int = 0

    @property
    def has_gap(self) -> bool:
        """Whether a number below a held one is missing."""
        return bool(self.above)

    def hold(self, seq: InboxSeq) -> None:
        """A frame with this number is about to be committed."""
        if seq == self.since_seq + 1 and not self.above:
            self.since_seq = seq
            return
        if seq <= self.since_seq:
            return
        self.above.add(seq)
        self._close_up()
        if self.above and max(self.above) - self.since_seq > RING_FRAMES:
            self._give_up_below(InboxSeq(max(self.above) - RING_FRAMES))

    def start_at(self, since_seq: InboxSeq) -> None:
        """The server says that what lies up to here is gone (Q4)."""
        self._give_up_below(since_seq)

    def _give_up_below(self, seq: InboxSeq) -> None:
        """No replay reaches below `seq` any more; reconcile knows what those frames were hints of."""
        skipped = max(0, seq - self.since_seq)
        self.given_up += skipped - sum(self.since_seq < held <= seq for held in self.above)
        self.since_seq = max(self.since_seq, seq)
        self.above = {held for held in self.above if held > self.since_seq}
        self._close_up()

    def _close_up(self) -> None:
        while (following := InboxSeq(self.since_seq + 1)) in self.above:
            self.above.discard(following)
            self.since_seq = following
