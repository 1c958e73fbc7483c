"""What a handler may answer besides returning: try again later, or never."""

from __future__ import annotations

import math
from numbers import Real

from mycel_runtime.errors import MycelError


class Retry(MycelError):  # noqa: N818 - an answer, not a failure
    """
    Run the handler again later, from the same messages and those that came meanwhile.

    Args:
        after: Seconds, at least 0; `None` leaves the delay to the dispatcher's backoff.
        why: One line for the operator, and for `ctx.failure` should it be in vain; must not quote the message.

    Raises:
        TypeError, ValueError: `after` is nothing that can be waited for.
    """

    def __init__(self, after: float | None = None, *, why: str = "") -> None:
        self._after = None if after is None else _seconds(after)
        self.why = why
        super().__init__("the handler asked to be run again")

    @property
    def after(self) -> float | None:
        """Seconds, as checked."""
        return self._after


class Reject(MycelError):  # noqa: N818 - an answer, not a failure
    """
    Never run the handler for these messages again: they become a dead letter.

    Args:
        why: One line for the operator; must not quote the message.
        is_told: The handler has had its say: the `on_give_up` of it is not said. `False`: it is.
    """

    def __init__(self, why: str, *, is_told: bool = True) -> None:
        self.why = why
        self.is_told = is_told
        super().__init__(why)


class Unavailable(MycelError):  # noqa: N818 - an answer, not a failure
    """
    Leave the whole plugin alone: what it needs is not there, whatever it is shown.

    No attempt is spent and nothing becomes a dead letter. After each `[dispatch] quarantine_time` one delivery is
    tried, and the plugin is back when one ends well; `mycel-runtime resume PLUGIN` tries at once.

    Args:
        why: One line for the operator; must not quote the message.
        fix: What the operator is to do about it, one line.
    """

    def __init__(self, why: str, *, fix: str = "") -> None:
        self.why = why
        self.fix = fix
        super().__init__(f"{why}. {fix}" if fix else why)


def _seconds(after: float) -> float:
    if isinstance(after, bool) or not isinstance(after, Real):
        raise TypeError(f"Retry(after=...) takes seconds as a number, or None; not {type(after).__name__}")
    try:
        seconds = float(after)
    except OverflowError:
        seconds = math.inf
    if not math.isfinite(seconds) or seconds < 0:
        raise ValueError(f"Retry(after=...) takes a finite number of seconds, at least 0; not {seconds}")
    return seconds
