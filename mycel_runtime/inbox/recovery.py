"""
When the way to the server is there again, the stream need not wait for its own next try. Pure.

While our own way is cut (no route, no name, time running out), the stream's waits grow up to a minute, and so would a
stream that could be had again at once. Whoever asks over HTTP meanwhile finds out earlier: the first call that gets
through after others have not is the sign.

It is none after a trouble of the server's own (`is_shared`): who then comes back is spread over most of a minute, as
all its other clients are. And a way that is lost and found all the time hurries nobody more than once in a while. Who
has found the way back is spread over some seconds as well: a network may have been lost for many of us.
"""

from __future__ import annotations

import math
from typing import Final

HASTE_SHARE: Final = 1 / 12
"""Of the longest wait, 5 s of 60: what a comeback is spread over."""

PAUSE_SHARE: Final = 1 / 2
"""Of the longest wait, 30 s of 60: between two hurried tries, of which the first did not help."""


class Recovery:
    """
    What calls tell of the way to the server.

    Args:
        cap: Seconds; the longest wait between two tries of the stream.
    """

    def __init__(self, *, cap: float) -> None:
        self._cap = cap
        self._is_cut = False
        self._hurried_at = -math.inf

    def missed(self) -> None:
        """A call did not get through."""
        self._is_cut = True

    def reached(self) -> bool:
        """A call got through; whether it is the first since others did not."""
        was_cut, self._is_cut = self._is_cut, False
        return was_cut

    def may_hurry(self, now: float) -> bool:
        """
        Whether to try the stream earlier than it would be; at most so often.

        Args:
            now: Seconds of a clock that nobody sets.
        """
        if now - self._hurried_at < self._cap * PAUSE_SHARE:
            return False
        self._hurried_at = now
        return True

    def connected(self) -> None:
        """The stream stands: whatever was tried has helped."""
        self._hurried_at = -math.inf

    def delay(self, draw: float) -> float:
        """
        Seconds from the first call that got through to the hurried try.

        Args:
            draw: In [0, 1).
        """
        return self._cap * HASTE_SHARE * draw
