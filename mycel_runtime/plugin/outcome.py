"""What a handler may answer besides returning: try again later, or never."""

from __future__ import annotations

from mycel_runtime.errors import MycelError


class Retry(MycelError):  # noqa: N818 - an answer, not a failure
    """
    Run the handler again later, from the same messages and those that came meanwhile.

    Args:
        after: Seconds; `None` leaves the delay to the dispatcher's backoff.
    """

    def __init__(self, after: float | None = None) -> None:
        self.after = after
        super().__init__("the handler asked to be run again")


class Reject(MycelError):  # noqa: N818 - an answer, not a failure
    """
    Never run the handler for these messages again: they become a dead letter.

    Args:
        why: One line for the operator; must not quote the message.
    """

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(why)
