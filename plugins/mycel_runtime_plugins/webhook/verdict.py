"""What an endpoint's status means. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from mycel_runtime import Reject, Retry

if TYPE_CHECKING:
    from collections.abc import Mapping

_WAITING: Final = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})
"""These may say when to come back."""

_PASSING: Final = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY})
"""4xx that are over by themselves."""


def require_success(status: int, headers: Mapping[str, str], *, cap: float, now: float) -> None:
    """
    Return if the endpoint has taken the delivery.

    Args:
        status: Of its answer.
        headers: Of its answer, by lower case.
        cap: Seconds; longer pauses are cut to it.
        now: Epoch seconds.

    Raises:
        Retry: It may take it later.
        Reject: It never will.
    """
    what = f"the endpoint answered {status}"
    if status in _WAITING:
        raise Retry(after=_pause(headers.get("retry-after", ""), cap, now), why=what)
    if status in _PASSING or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise Retry(why=what)
    if status == HTTPStatus.GONE:
        raise Reject(f"{what}: it wants no more deliveries; remove the plugin's table", is_told=False)
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        raise Reject(f"{what}, a redirect, which is not followed: correct url", is_told=False)
    if status >= HTTPStatus.BAD_REQUEST:
        raise Reject(what, is_told=False)
    if status < HTTPStatus.OK:
        raise Retry(why=what)


def _pause(wanted: str, cap: float, now: float) -> float | None:
    """Seconds, from a number or a date; `None`: as the runtime has it."""
    try:
        seconds = float(wanted)
    except ValueError:
        seconds = _until(wanted, now)
    return min(seconds, cap) if seconds >= 0 else None


def _until(date: str, now: float) -> float:
    """-1: it is no date."""
    try:
        moment = parsedate_to_datetime(date)
    except (ValueError, OverflowError):
        return -1.0
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (aware - datetime.fromtimestamp(now, UTC)).total_seconds())
