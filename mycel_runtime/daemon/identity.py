"""Whose token it is: asked until the backend answers, because nothing can be done before."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Final

import tenacity

from mycel_runtime.backoff import half_jitter, honoured
from mycel_runtime.errors import ApiError, AuthenticationError, IdentityRefusedError, InvalidResponseError
from mycel_runtime.inbox.guarded_queries import named
from mycel_runtime.observe.facts import IdentityConfirmed, IdentityUnknown
from mycel_runtime.wire.ids import UserId

if TYPE_CHECKING:
    from mycel_runtime.observe.observer import Observer
    from mycel_runtime.sdk import AsyncClient
    from mycel_runtime.settings import InboxSettings

_DICE: Final = random.SystemRandom()
"""Of our own: a plugin may have seeded the global generator."""


async def identify(sdk: AsyncClient, *, server: str, settings: InboxSettings, observer: Observer) -> UserId:
    """
    The agent's user id, however long the backend takes to say.

    Only a 401 is final: a proxy in front of a backend that is being deployed answers 403 and 404 (Q52).

    Raises:
        IdentityRefusedError: The token is refused.
    """

    def delay(state: tenacity.RetryCallState) -> float:
        draw, cap = _DICE.random(), settings.backoff_cap
        error = state.outcome.exception() if state.outcome else None
        asked = error.retry_after_seconds if isinstance(error, ApiError) else None
        own = half_jitter(state.attempt_number, base=settings.backoff_base / 2, cap=cap, draw=draw)
        return honoured(own, asked, cap=cap, draw=draw)

    def tell(state: tenacity.RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        retry_in = state.next_action.sleep if state.next_action else 0.0
        text = named(error) if isinstance(error, ApiError) else type(error).__name__
        observer.tell(IdentityUnknown(error=text, retry_in=round(retry_in, 3)))

    async def ask() -> UserId:
        try:
            user = await sdk.me.whoami()
        except AuthenticationError as exc:
            raise IdentityRefusedError(server, exc.detail) from exc
        user_id = str(user.get("id") or "")
        if not user_id:
            raise InvalidResponseError(200, "the answer of GET /api/auth/me names nobody")
        observer.tell(IdentityConfirmed(user_id=user_id, user_name=str(user.get("name"))))
        return UserId(user_id)

    asking = tenacity.AsyncRetrying(
        retry=tenacity.retry_if_exception_type(ApiError), wait=delay, before_sleep=tell
    )
    return await asking(ask)
