"""The headers of a delivery, and of a callback, as Standard Webhooks has them. Pure."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

TOLERANCE_SECONDS: Final = 300
"""Between the clocks of both ends. Source: the libraries of Standard Webhooks."""

_DIGITS: Final = 12
"""Of a time in seconds, at most."""


def signed_headers(webhook_id: str, body: bytes, *, keys: Sequence[bytes], now: float) -> dict[str, str]:
    """
    What tells who sends it, and when.

    Args:
        webhook_id: The same whenever the same is delivered; without a full stop.
        body: As it is sent.
        keys: One signature each.
        now: Epoch seconds.

    Source: Standard Webhooks, "Webhook headers" and "Signature scheme": `id.timestamp.body`, HMAC-SHA256, base64.
    """
    timestamp = str(int(now))
    signed = b".".join([webhook_id.encode(), timestamp.encode(), body])
    digests = [base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode() for key in keys]
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(f"v1,{digest}" for digest in digests),
    }


def is_signed(headers: Mapping[str, str], body: bytes, *, keys: Sequence[bytes], now: float) -> bool:
    """
    Whether one who has a key has signed it, a short while ago; compared in constant time.

    Args:
        headers: By lower case.
        body: As it came.
        keys: Any of them will do.
        now: Epoch seconds.
    """
    webhook_id, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not (timestamp.isascii() and timestamp.isdecimal()) or len(timestamp) > _DIGITS:
        return False
    if abs(int(timestamp) - now) > TOLERANCE_SECONDS:
        return False
    ours = signed_headers(webhook_id, body, keys=keys, now=int(timestamp))["webhook-signature"].split()
    theirs = headers.get("webhook-signature", "").split()
    return any(hmac.compare_digest(one.encode(), other.encode()) for one in ours for other in theirs)
