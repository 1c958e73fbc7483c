"""Whose token it is: asked until the backend answers, because nothing can be done before."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Final

import tenacity
from typing_extensions import override

from mycel_runtime.backoff import half_jitter, honoured
from mycel_runtime.errors import (
    ApiError,
    AuthenticationError,
    IdentityRefusedError,
    InvalidResponseError,
    WrongIdentityError,
)
from mycel_runtime.inbox.guarded_queries import named
from mycel_runtime.observe.facts import IdentityConfirmed, IdentityUnknown
from mycel_runtime.observe.observer import Observer
from mycel_runtime.wire.ids import UserId

if TYPE_CHECKING:
    from mycel_runtime.observe.facts import Fact
    from mycel_runtime.sdk import AsyncClient
    from mycel_runtime.settings import InboxSettings
    from mycel_runtime.wire.resources import User

_DICE: Final = random.SystemRandom()
"""Of our own: a plugin may have seeded the global generator."""


_AGENT: Final = "external"
"""The type of a user that a program speaks as. Source: contract 2.1."""


class Identification(Observer):
    """
    How the asking goes.

    Attributes:
        trouble: Why there is no answer yet; empty before the first, and once there is one.
    """

    def __init__(self) -> None:
        self.trouble = ""

    @override
    def tell(self, fact: Fact) -> None:
        match fact:
            case IdentityUnknown(error=error):
                self.trouble = error
            case IdentityConfirmed():
                self.trouble = ""
            case _:
                pass


async def identify(
    sdk: AsyncClient,
    *,
    server: str,
    settings: InboxSettings,
    observer: Observer,
    user_id: str | None = None,
) -> UserId:
    """
    The agent's user id, however long the backend takes to say.

    Only the backend's own 401 is final: a proxy in front of a backend that is being deployed answers 403 and 404
    (Q52), and a gateway 401.

    Args:
        sdk: As the agent.
        server: For error texts.
        settings: `[inbox]`, for the waits.
        observer: Told of what was answered.
        user_id: As `[agent] user_id`.

    Raises:
        IdentityRefusedError: The token is refused.
        WrongIdentityError: It is not the agent's: a human's, most likely, in whose name nobody is to speak unasked.
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
        if not user.get("id") or not all(isinstance(user.get(key), str) for key in ("id", "name")):
            raise InvalidResponseError(200, "the answer of GET /api/auth/me names nobody")
        require_agent(user, server=server, user_id=user_id)
        me = UserId(str(user["id"]))
        observer.tell(IdentityConfirmed(user_id=me, user_name=str(user.get("name"))))
        return me

    asking = tenacity.AsyncRetrying(
        retry=tenacity.retry_if_exception_type(ApiError), wait=delay, before_sleep=tell
    )
    return await asking(ask)


def require_agent(user: User, *, server: str, user_id: str | None) -> None:
    """
    Refuse to speak as somebody whose token is here by mistake.

    Args:
        user: Whose token it is.
        server: For the error's text.
        user_id: As `[agent] user_id`; `None` means any external agent.

    Raises:
        WrongIdentityError: Not the one that is named; or none is, and it is no external agent.
    """
    kind = user.get("type") or "user of unknown type"
    if user_id is None and kind != _AGENT:
        problem = f"a {kind}, not an external agent"
    elif user_id is not None and user["id"] != user_id:
        problem = f'and [agent] user_id is "{user_id}"'
    else:
        return
    whose = f"{user.get('name')} ({user['id']}), {problem}"
    raise WrongIdentityError(server, whose, user_id=user["id"])
