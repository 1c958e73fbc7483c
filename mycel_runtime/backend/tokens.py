"""
Tokens and passwords: HS256 JSON Web Tokens, scrypt.

Source: contract 1.2. Written out rather than imported: two algorithms of ten lines each, for development only.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
from typing import Any, Final

EXPIRED: Final = "Token 已过期，请重新登录"
INVALID: Final = "Token 无效: "
LEEWAY_SECONDS: Final = 60.0
LOGIN_LIFETIME_SECONDS: Final = 3600.0

_HEADER: Final = base64.urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT"}').rstrip(b"=")
_SEGMENTS: Final = 3


class TokenError(Exception):
    """A token is refused; the text is the server's own."""


class Tokens:
    """Makes and reads tokens with one secret; a user's id is all that counts."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self._known: dict[str, tuple[str, float | None]] = {}
        self._refused: dict[str, str] = {}

    def make(self, user_id: str, now: float, *, expires: bool = False, **claims: Any) -> str:
        """A token of this user; only a login's expires (Q41)."""
        payload: dict[str, Any] = {"sub": user_id, "iat": int(now), **claims}
        if expires:
            payload["exp"] = int(now + LOGIN_LIFETIME_SECONDS)
        body = base64.urlsafe_b64encode(json.dumps(payload, ensure_ascii=False).encode()).rstrip(b"=")
        signed = _HEADER + b"." + body
        return (signed + b"." + self._sign(signed)).decode()

    def read(self, token: str, now: float) -> str:
        """
        Whose token this is.

        Raises:
            TokenError: Forged, malformed or expired.
        """
        if token in self._refused:
            raise TokenError(self._refused[token])
        if (known := self._known.get(token)) is None:
            known = self._known[token] = self._decode(token)
        user_id, expiry = known
        if expiry is not None and now > expiry + LEEWAY_SECONDS:
            raise TokenError(EXPIRED)
        return user_id

    def refuse(self, token: str, *, expired: bool) -> None:
        """Refuse a token from now on."""
        self._refused[token] = EXPIRED if expired else INVALID + "Signature verification failed"

    def _decode(self, token: str) -> tuple[str, float | None]:
        raw = token.encode()
        parts = raw.split(b".")
        if len(parts) != _SEGMENTS:
            raise TokenError(INVALID + "Not enough segments")
        signed, _, signature = raw.rpartition(b".")
        if not hmac.compare_digest(self._sign(signed), signature):
            raise TokenError(INVALID + "Signature verification failed")
        payload = json.loads(base64.urlsafe_b64decode(parts[1] + b"=="))
        return payload["sub"], payload.get("exp")

    def _sign(self, signed: bytes) -> bytes:
        return base64.urlsafe_b64encode(hmac.digest(self._secret, signed, "sha256")).rstrip(b"=")


def hash_password(password: str) -> str:
    """A password as it is stored."""
    salt = os.urandom(16)
    return f"{salt.hex()}:{_scrypt(password, salt)}"


def matches(password: str, stored: str) -> bool:
    """Whether this is the stored password."""
    salt, _, digest = stored.partition(":")
    return hmac.compare_digest(_scrypt(password, bytes.fromhex(salt)), digest)


def _scrypt(password: str, salt: bytes) -> str:
    return hashlib.scrypt(password.encode(), salt=salt, n=2**12, r=8, p=1).hex()
