"""From an e-mail address to an account, with an invite code and a one-time password (contract 2.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mycel_runtime.backend.world import accounts, agents
from mycel_runtime.backend.world.entities import Invitation, Registration, User
from mycel_runtime.backend.world.refusal import Refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from mycel_runtime.backend.world.state import World

FIRST_AGENTS = ("Toad", "Morel")


def invite(world: World, code: str) -> None:
    """Make an invite code good for one registration."""
    world.put(Invitation(code=code))


def begin(
    world: World, email: str, password: str, invite_code: str, *, code: str, user_id: str
) -> Registration:
    """
    Remember who wants an account; `password` as it is stored.

    Raises:
        Refused: 400, the invite code is not good, or the address has an account.
    """
    _check_invitation(world, invite_code)
    if accounts.find_human(world, email) is not None:
        raise Refused(400, "该邮箱已注册，请直接登录")
    registration = Registration(email=email, password=password, code=code, user_id=user_id)
    world.put(registration)
    return registration


def verify(world: World, email: str, code: str) -> Registration:
    """
    Take the one-time password.

    Raises:
        Refused: 400, it is another one, or none was sent.
    """
    if (registration := world.registrations.get(email)) is None:
        raise Refused(400, "验证码无效或已过期")
    if registration.code != code:
        raise Refused(400, "验证码错误: Token has expired or is invalid")
    registration.is_verified = True
    world.touch(registration)
    return registration


def complete(
    world: World, user_id: str, invite_code: str, *, new_agent_id: Callable[[], str], now: float
) -> tuple[User, User | None]:
    """
    Make the account and its two agents, and use up the invite code.

    Returns:
        The user and the first agent.

    Raises:
        Refused: 400, nobody verified an address for this user, or the invite code is not good.
    """
    registration = next((row for row in world.registrations.values() if row.user_id == user_id), None)
    if registration is None or not registration.is_verified:
        raise Refused(400, "会话已过期，请重新验证邮箱")
    invitation = _check_invitation(world, invite_code)
    user = world.users.get(user_id) or accounts.create_human(
        world, registration.email, registration.password, unique=user_id, now=now
    )
    if accounts.first_agent(world, user) is None:
        for name in FIRST_AGENTS:
            agents.create(world, user, name, "", agent_id=new_agent_id(), now=now)
    invitation.used_by = user_id
    world.touch(invitation)
    return user, accounts.first_agent(world, user)


def _check_invitation(world: World, code: str) -> Invitation:
    invitation = world.invitations.get(code)
    if invitation is None or invitation.used_by is not None:
        raise Refused(400, "邀请码无效或已过期")
    return invitation
