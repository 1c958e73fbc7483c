"""
Whether the stream takes the connection that the calls would need. Pure.

A gateway may allow a client one connection at a time (nginx: `limit_conn 1`). The stream holds it for ever, so that
every call is refused: we would hear and could not answer. Looks without a stream serve better then.

Such a limit shows by calls that get through while no stream stands, and by none at all that does from the beginning
of a connection on. A server in trouble looks alike, so it is tried: the stream is ended, and if a look gets through
then, it was in the way. From there on the stream is tried again ever more rarely, up to a bound.
"""

from __future__ import annotations

from typing import Final

from mycel_runtime.backoff import exponential

FIRST_PAUSE_SECONDS: Final = 60.0
LONGEST_PAUSE_SECONDS: Final = 900.0


class ConnectionSlot:
    """
    What looks have shown.

    Attributes:
        is_taken: The stream is in the calls' way: shown, and not disproved since.
    """

    def __init__(self) -> None:
        # Who we are was asked just before, and answered; no stream stood.
        self._got_through_without = True
        self._is_tried = False
        self._pauses = 0
        self.is_taken = False

    def looked(self, *, is_reached: bool, has_stream: bool) -> None:
        """
        A call was made.

        Args:
            is_reached: It got through.
            has_stream: A stream stood all the while.
        """
        if has_stream:
            if is_reached:
                self._pauses, self.is_taken, self._is_tried = 0, False, False
            return
        self._got_through_without = is_reached
        if self._is_tried:
            self._is_tried, self.is_taken = False, is_reached
            self._pauses = self._pauses + 1 if is_reached else 0

    def starve(self) -> bool:
        """
        A stream stands for a while, and no call has got through since it does.

        Returns:
            Whether to end it, and to look without.
        """
        self._is_tried = self._got_through_without
        return self._is_tried

    @property
    def explains_refusals(self) -> bool:
        """Whether a call that is refused now most likely is for want of a connection: while the server is up."""
        return self.is_taken and self._got_through_without

    @property
    def pause(self) -> float:
        """Seconds to leave the connection to the calls; 0 if it need not be left to them."""
        if not self.is_taken:
            return 0.0
        return exponential(self._pauses, base=FIRST_PAUSE_SECONDS, cap=LONGEST_PAUSE_SECONDS)
