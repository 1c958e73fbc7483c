"""Who is who (contract 2.1)."""

from __future__ import annotations

from fastapi import APIRouter, Response
from pydantic import BaseModel

from mycel_runtime.backend.http.face import Anybody, Caller, answer
from mycel_runtime.backend.tokens import matches
from mycel_runtime.backend.world import accounts
from mycel_runtime.backend.world.refusal import Refused

communication = APIRouter(prefix="/api/auth", tags=["auth"])
full = APIRouter(prefix="/api/auth", tags=["auth"])


class LoginBody(BaseModel):
    """Who, and the proof."""

    identifier: str
    password: str


class GuestBody(BaseModel):
    """How the guest wants to be called."""

    display_name: str | None = None


class ExternalUserBody(BaseModel):
    """A new external agent."""

    user_id: str
    display_name: str


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


@communication.post("/guest")
async def create_guest(body: GuestBody, service: Anybody) -> Response:
    """A new guest owner with a token that never expires."""
    now = service.now()
    with service.transaction():
        user = accounts.create_guest(service.world, body.display_name, unique=service.new_id(), now=now)
    token = service.tokens.make(user.id, now, mycel_user_type="human", mycel_is_guest=True)
    return answer({"token": token, "user": accounts.show_guest(user)})


@communication.post("/external-users")
async def create_external_user(body: ExternalUserBody, call: Caller) -> Response:
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
    return answer(accounts.show_me(call.user))
