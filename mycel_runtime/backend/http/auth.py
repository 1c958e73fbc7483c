"""Who is who (contract 2.1)."""

from __future__ import annotations

import secrets
from typing import Annotated

from fastapi import APIRouter, Depends, Response

from mycel_runtime.backend.http.managed_agents import new_agent_id
from mycel_runtime.backend.http.request_context import Anybody, Body, Call, Caller, answer
from mycel_runtime.backend.tokens import TokenError, hash_password, matches
from mycel_runtime.backend.world import accounts, registration
from mycel_runtime.backend.world.refusal import Refused

communication = APIRouter(prefix="/api/auth", tags=["auth"], strict_content_type=False)
newer = APIRouter(prefix="/api/auth", tags=["auth"], strict_content_type=False)
full = APIRouter(prefix="/api/auth", tags=["auth"], strict_content_type=False)


class LoginBody(Body):
    """Who, and the proof."""

    identifier: str
    password: str


class OtpBody(Body):
    """Who wants an account."""

    email: str
    password: str
    invite_code: str


class CodeBody(Body):
    """The one-time password."""

    email: str
    token: str


class CompletionBody(Body):
    """The token of a verified address."""

    temp_token: str
    invite_code: str


class GuestBody(Body):
    """How the guest wants to be called."""

    display_name: str | None = None


class ExternalUserBody(Body):
    """A new external agent."""

    user_id: str
    display_name: str


async def _may_create_external(call: Caller) -> Call:
    """Whoever calls, if he may; this is asked before the body is looked at."""
    accounts.check_may_create_external(call.world, call.user)
    return call


Creator = Annotated[Call, Depends(_may_create_external)]


@full.post("/login")
async def login(body: LoginBody, service: Anybody) -> Response:
    """A token that expires within the hour (Q41)."""
    user = accounts.find_human(service.world, body.identifier)
    if user is None and body.identifier.isdecimal():
        raise Refused(401, "用户不存在")
    if user is None or user.password is None or not matches(body.password, user.password):
        raise Refused(401, "邮箱或密码错误")
    return answer(
        {
            "token": service.tokens.make(user.id, service.now(), expires=True),
            "user": accounts.show_login(user),
            "agent": accounts.show_agent(accounts.first_agent(service.world, user)),
        }
    )


@full.post("/send-otp")
async def send_otp(body: OtpBody, service: Anybody) -> Response:
    """Send the one-time password: to the operator, there is no mail here."""
    code = f"{secrets.randbelow(10**6):06}"
    password = hash_password(body.password)
    with service.transaction():
        registration.begin(
            service.world, body.email, password, body.invite_code, code=code, user_id=service.new_id()
        )
    service.post.deliver(body.email, code)
    return answer({"ok": True})


@full.post("/verify-otp")
async def verify_otp(body: CodeBody, service: Anybody) -> Response:
    """Take the one-time password for a token to finish with."""
    with service.transaction():
        row = registration.verify(service.world, body.email, body.token)
    return answer({"temp_token": service.tokens.make(row.user_id, service.now(), expires=True)})


@full.post("/complete-register")
async def complete_register(body: CompletionBody, service: Anybody) -> Response:
    """Make the account; the token to finish with becomes its token."""
    now = service.now()
    try:
        user_id = service.tokens.read(body.temp_token, now)
    except TokenError as exc:
        raise Refused(400, "会话已过期，请重新验证邮箱") from exc
    with service.transaction():
        user, agent = registration.complete(
            service.world, user_id, body.invite_code, new_agent_id=new_agent_id, now=now
        )
    return answer(
        {
            "token": body.temp_token,
            "user": accounts.show_login(user),
            "agent": accounts.show_agent(agent),
        }
    )


@newer.post("/guest")
async def create_guest(body: GuestBody, service: Anybody) -> Response:
    """A new guest owner with a token that never expires."""
    now = service.now()
    with service.transaction():
        user = accounts.create_guest(service.world, body.display_name, unique=service.new_id(), now=now)
    token = service.tokens.make(user.id, now, mycel_user_type="human", mycel_is_guest=True)
    return answer({"token": token, "user": accounts.show_guest(user)})


@communication.post("/external-users")
async def create_external_user(body: ExternalUserBody, call: Creator) -> Response:
    """A new external agent with a token that never expires and cannot be had again."""
    service, now = call.service, call.service.now()
    with service.transaction():
        user = accounts.create_external(call.world, call.user, body.user_id, body.display_name, now=now)
    token = service.tokens.make(
        user.id, now, mycel_user_type="external", created_by_user_id=user.created_by_user_id
    )
    return answer({"token": token, "user": accounts.show_external(user)})


@communication.get("/me")
async def whoami(call: Caller) -> Response:
    """The caller."""
    shown = accounts.show_me(call.user)
    if not call.service.rules.has_b2:
        del shown["is_guest"]
    return answer(shown)
