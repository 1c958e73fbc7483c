"""The headers of a delivery, as Standard Webhooks has them. Pure."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


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
