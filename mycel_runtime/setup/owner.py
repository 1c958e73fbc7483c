"""Who owns agents on a backend, as this machine keeps it: whose token it is, and how long it is good."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Final

from pydantic import BaseModel, ConfigDict, SecretStr, field_serializer

LOGIN_LIFETIME_SECONDS: Final = 3600.0
"""Of a login's token that does not tell. Source: contract 9, U11."""

_SEGMENTS: Final = 3


class MadeAgent(BaseModel):
    """
    An agent that was made on this machine.

    Attributes:
        user_id: Its id.
        name: As others see it.
        owner_id: Who has made it.
        token_file: Where its token was put.
        made_at: Epoch seconds.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    user_id: str
    name: str
    owner_id: str
    token_file: str
    made_at: float


class Owner(BaseModel):
    """
    An owner of agents on one backend.

    Attributes:
        base_url: Of the backend.
        user_id, name: Of the owner.
        identifier: What he logs in by; `None` of a guest, who cannot log in again.
        token: His bearer token.
        expires_at: Epoch seconds; `None`: never.
        agents: That were made on this machine, also by former owners.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    base_url: str
    user_id: str
    name: str
    identifier: str | None = None
    token: SecretStr
    expires_at: float | None = None
    agents: tuple[MadeAgent, ...] = ()

    @field_serializer("token", when_used="json")
    def _reveal(self, token: SecretStr) -> str:
        return token.get_secret_value()

    @property
    def own_agents(self) -> list[MadeAgent]:
        """Those of this owner."""
        return [agent for agent in self.agents if agent.owner_id == self.user_id]

    def is_expired(self, now: float) -> bool:
        """Whether the token is good no more."""
        return self.expires_at is not None and now >= self.expires_at

    def term(self, now: float) -> str:
        """How long the token is good, for a person."""
        if self.expires_at is None:
            return "does not expire"
        until = datetime.fromtimestamp(self.expires_at, UTC).astimezone().strftime("%Y-%m-%d %H:%M %Z")
        return f"expired {until}" if self.is_expired(now) else f"expires {until}"


def expiry_of(token: str, *, is_guest: bool, now: float) -> float | None:
    """
    When a new token ends.

    A token is opaque; but most are JSON Web Tokens, which tell. What they tell is for a person to read: the backend
    alone decides.

    Args:
        token: As the backend gave it.
        is_guest: A guest's does not expire if it does not tell.
        now: Epoch seconds.
    """
    told = _told_expiry(token)
    if told is not None or is_guest:
        return told
    return now + LOGIN_LIFETIME_SECONDS


def _told_expiry(token: str) -> float | None:
    segments = token.split(".")
    if len(segments) != _SEGMENTS:
        return None
    try:
        claims = json.loads(base64.urlsafe_b64decode(segments[1] + "=="))
    except (ValueError, RecursionError):
        return None
    expiry = claims.get("exp") if isinstance(claims, dict) else None
    return float(expiry) if isinstance(expiry, int | float) and not isinstance(expiry, bool) else None
