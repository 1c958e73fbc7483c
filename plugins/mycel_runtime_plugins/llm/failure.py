"""How a turn can fail, who is told what of it, and what an endpoint's refusal means. Pure."""

from __future__ import annotations

import re
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime


class Kind(StrEnum):
    """What the person is told: the key of a text in `[plugins.llm.texts]`."""

    UNAVAILABLE = "unavailable"
    """Nobody there, broken, too slow, or cut off: tried again."""
    LIMITED = "limited"
    """Too many requests: tried again when the endpoint says, unless that is too late."""
    MISCONFIGURED = "misconfigured"
    """Only the operator can mend it: given up at once."""
    REFUSED = "refused"
    """The model, or a filter, will not answer: given up at once."""
    TOO_LONG = "too_long"
    """It cannot read so much, not even the half: given up at once."""
    ODD = "odd"
    """Blank, a tool that nobody offered, nonsense: tried once more."""


class ModelError(Exception):
    """
    There is no answer.

    Attributes:
        kind: What the person is told.
        why: One line for the operator, without words of people, models or vendors.
        after: Seconds after which the endpoint wants to be asked again, if it says.
    """

    def __init__(self, kind: Kind, why: str, *, after: float | None = None) -> None:
        self.kind, self.why, self.after = kind, why, after
        super().__init__(f"{kind}: {why}")


FINAL: Final = frozenset({Kind.MISCONFIGURED, Kind.REFUSED, Kind.TOO_LONG})
"""Asking again cannot help."""

ODD_ATTEMPTS: Final = 2
"""How often a model is asked that answers nonsense: the dice may fall otherwise, but each throw costs."""

_TOO_LONG: Final = re.compile(
    r"context[ _](length|window|size)|prompt is too long|input is too long|too many (input )?tokens"
    r"|maximum context|exceeds? the (available )?context|request too large",
    re.IGNORECASE,
)
"""What servers say of a prompt that does not fit; only some have a code for it."""

_FILTERED: Final = frozenset({"content_filter", "content_policy_violation", "moderation_blocked"})

_NO_CREDIT: Final = frozenset({"insufficient_quota", "billing_error", "billing_hard_limit_reached"})

_TOO_LARGE: Final = 413

_STATUSES: Final = {
    "authentication_error": 401,
    "permission_error": 403,
    "not_found_error": 404,
    "rate_limit_error": 429,
    "invalid_request_error": 400,
    "overloaded_error": 529,
}
"""Of names of errors. Source: Anthropic's reference of errors; others have taken them over."""

_WORD: Final = re.compile(r"[A-Za-z0-9_.-]{1,60}")


def refusal(status: int, body: Any, headers: Mapping[str, str], now: datetime) -> ModelError:
    """
    What an answer with an error status means.

    Args:
        status: Of HTTP.
        body: As parsed, whatever it is.
        headers: Of the answer, names in lower case.
        now: For a date in `retry-after`.
    """
    codes, text = _codes_of(body), _text_of(body)
    told = f"HTTP {status}" + "".join(f" {code}" for code in sorted(codes) if _WORD.fullmatch(code))
    if codes & _FILTERED:
        return ModelError(Kind.REFUSED, f"a filter of the endpoint refuses it ({told})")
    if codes & _NO_CREDIT:
        return ModelError(Kind.MISCONFIGURED, f"the account has no credit ({told}): top it up")
    if status in {400, _TOO_LARGE, 422} and (status == _TOO_LARGE or _TOO_LONG.search(text)):
        return ModelError(Kind.TOO_LONG, f"the endpoint cannot read so much ({told}): lower history_tokens")
    return _by_status(status, told, retry_after(headers, now))


def status_said(body: Any) -> int:
    """Of an error in the middle of a stream, which has no status of its own: what one would be."""
    for each in _errors_in(body):
        code, name = str(each.get("code", "")), str(each.get("type", ""))
        if re.fullmatch("[45][0-9][0-9]", code):
            return int(code)
        if name in _STATUSES:
            return _STATUSES[name]
    return 500


def _by_status(status: int, told: str, after: float | None) -> ModelError:
    match status:
        case 401 | 403:
            why = f"the endpoint refuses the key ({told}): renew it, then mycel-runtime dead retry"
            return ModelError(Kind.MISCONFIGURED, why)
        case 404 | 405:
            return ModelError(
                Kind.MISCONFIGURED, f"no such model or address ({told}): correct model or base_url"
            )
        case 429:
            return ModelError(Kind.LIMITED, f"too many requests ({told})", after=after)
        case 408 | 409 | 425:
            return ModelError(Kind.UNAVAILABLE, f"the endpoint is busy ({told})", after=after)
        case _ if status >= 500:  # noqa: PLR2004 - HTTP's servers' errors
            return ModelError(Kind.UNAVAILABLE, f"the endpoint is broken ({told})", after=after)
        case _:
            return ModelError(Kind.MISCONFIGURED, f"the endpoint refuses the request ({told})")


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds, at least 0; `None`: the endpoint does not say, or nothing that makes sense."""
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    said = headers.get("retry-after", "").strip()
    if (seconds := _number(said)) is not None:
        return seconds
    try:
        return max(0.0, (parsedate_to_datetime(said) - now).total_seconds())
    except (ValueError, TypeError):
        return None


def is_final(error: ModelError, *, attempt: int, longest_wait: float) -> bool:
    """
    Whether the turn is given up.

    Args:
        error: Why there is no answer.
        attempt: Which one has failed, from 1.
        longest_wait: Seconds; who is to wait longer is told at once.
    """
    if error.kind is Kind.ODD:
        return attempt >= ODD_ATTEMPTS
    return error.kind in FINAL or (error.after or 0.0) > longest_wait


def kind_of(failure: str) -> Kind:
    """What the person is told of a turn that was given up, from `ctx.failure`; a deadline, for one, has no kind."""
    said = failure.removeprefix("Retry: ").removeprefix("Reject: ").partition(":")[0]
    return Kind(said) if said in set(Kind) else Kind.UNAVAILABLE


def _codes_of(body: Any) -> set[str]:
    """Machine-readable names of the error: `code` and `type`, here or in `error`."""
    found = set()
    for each in _errors_in(body):
        found |= {str(each[key]) for key in ("code", "type") if isinstance(each.get(key), str)}
    return found - {"error"}


def _text_of(body: Any) -> str:
    """Only to be searched, never to be shown: it may quote the prompt."""
    texts = [f"{each.get('code')} {each.get('message')}" for each in _errors_in(body)]
    return " ".join(texts)[:4000] or (body[:4000] if isinstance(body, str) else "")


def _errors_in(body: Any) -> list[dict[str, Any]]:
    inner = body.get("error") if isinstance(body, dict) else None
    return [each for each in (body, inner) if isinstance(each, dict)]


def _number(text: str | None) -> float | None:
    return float(text) if text and re.fullmatch(r"\d{1,9}(\.\d{1,9})?", text.strip()) else None
