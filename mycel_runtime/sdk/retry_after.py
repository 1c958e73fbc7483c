"""
When a server wants us back. Pure.

Nobody's clock is asked: the date form is counted from the answer's own `Date`, so that a client whose clock is wrong
waits no longer than one whose clock is right.
"""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


def retry_after_seconds(value: str, date: str = "") -> float | None:
    """
    Seconds that a `Retry-After` asks for; `None` if it asks for nothing that can be understood.

    Args:
        value: The header's text; empty when there is none.
        date: The `Date` of the same answer; without it a date in `value` says nothing.

    Source: RFC 9110, 10.2.3: seconds or a date. A date that has passed is 0.
    """
    try:
        seconds = float(value)
    except ValueError:
        return _seconds_between(date, value)
    return seconds if 0 <= seconds < float("inf") else None


def _seconds_between(earlier: str, later: str) -> float | None:
    start, end = _moment(earlier), _moment(later)
    return None if start is None or end is None else max(0.0, (end - start).total_seconds())


def _moment(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
