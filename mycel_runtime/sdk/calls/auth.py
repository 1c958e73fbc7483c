"""Logging in, making users, and who the token belongs to (contract 2.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mycel_runtime.sdk.calls.call import Call, json_body, post

if TYPE_CHECKING:
    from mycel_runtime.wire import resources as wire


def login(identifier: str, password: str) -> Call[wire.Login]:
    """Log a human in: `identifier` is an e-mail address or an all-digit mycel id."""
    return _public("login", identifier=identifier, password=password)


def send_otp(email: str, password: str, invite_code: str) -> Call[wire.Ok]:
    """Begin a registration: a one-time code goes to the e-mail address."""
    return _public("send-otp", email=email, password=password, invite_code=invite_code)


def verify_otp(email: str, token: str) -> Call[wire.TemporaryToken]:
    """Prove the one-time code `token`; the answer's `temp_token` completes the registration."""
    return _public("verify-otp", email=email, token=token)


def complete_register(temp_token: str, invite_code: str) -> Call[wire.Login]:
    """Complete a registration; may be repeated until the invite code is consumed."""
    return _public("complete-register", temp_token=temp_token, invite_code=invite_code)


def create_guest_owner(display_name: str | None = None) -> Call[wire.Login]:
    """Make a guest human, whose token never expires. Since 0.1.49."""
    return _public("guest", display_name=display_name)


def create_external_user(user_id: str, display_name: str) -> Call[wire.Login]:
    """
    Make an external agent; its token is shown this once.

    Raises:
        ConflictError: The id is taken; the token of the first creation is not recoverable.
    """
    return post("/api/auth/external-users", user_id=user_id, display_name=display_name)


def whoami() -> Call[wire.User]:
    """Who the token belongs to."""
    return Call(method="GET", path="/api/auth/me")


def _public(name: str, **body: str | None) -> Call[Any]:
    """An endpoint that never gets the token."""
    return Call(method="POST", path=f"/api/auth/{name}", body=json_body(body), is_authenticated=False)
