"""Who exists, and how one comes to be (contract 2.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mycel_runtime.backend.world.entities import User
from mycel_runtime.backend.world.refusal import Refused

if TYPE_CHECKING:
    from mycel_runtime.backend.world.state import World

GUEST_NAME = "Guest"
LONGEST_ID = 18
"""Digits of the largest `mycel_id`."""


def create_guest(world: World, display_name: str | None, *, unique: str, now: float) -> User:
    """A guest owner; `unique` is a UUID."""
    name = (display_name or "").strip() or GUEST_NAME
    user = User(id=f"guest-{unique}", name=name, type="human", is_guest=True, created_at=now)
    world.put(user)
    return user


def create_human(world: World, email: str, password: str, *, unique: str, now: float) -> User:
    """
    A human who can log in; `password` as `passwords.hash_password` made it.

    Raises:
        Refused: 400, the address is taken.
    """
    if find_human(world, email) is not None:
        raise Refused(400, "该邮箱已注册，请直接登录")
    mycel_id = max((user.mycel_id or 0 for user in world.users.values()), default=0) + 1
    user = User(
        id=unique,
        name=email.partition("@")[0],
        type="human",
        email=email,
        mycel_id=mycel_id,
        password=password,
        created_at=now,
    )
    world.put(user)
    return user


def find_human(world: World, identifier: str) -> User | None:
    """The human of an e-mail address, or of a `mycel_id` in digits."""
    wanted = int(identifier) if identifier.isdecimal() and len(identifier) <= LONGEST_ID else None
    for user in world.users.values():
        if user.type == "human" and (
            user.mycel_id == wanted if wanted is not None else user.email == identifier
        ):
            return user
    return None


def create_external(world: World, creator: User, user_id: str, display_name: str, *, now: float) -> User:
    """
    An external agent of this human.

    Raises:
        Refused: 403 to whoever is no human, 400 blank, 409 taken.
    """
    user_id, display_name = user_id.strip(), display_name.strip()
    check_may_create_external(world, creator)
    if not user_id:
        raise Refused(400, "external user_id is required")
    if not display_name:
        raise Refused(400, "external display_name is required")
    if user_id in world.users:
        raise Refused(409, f"external user already exists: {user_id}")
    user = User(id=user_id, name=display_name, type="external", created_by_user_id=creator.id, created_at=now)
    world.put(user)
    return user


def check_may_create_external(world: World, creator: User) -> None:
    """
    Whether this user may make external agents.

    Raises:
        Refused: 403.
    """
    if creator.type != "human" and not world.rules.is_first:
        raise Refused(403, "Capability required: create_external_user")


def first_agent(world: World, owner: User) -> User | None:
    """The oldest managed agent of this human."""
    return next((user for user in world.users.values() if user.owner_user_id == owner.id), None)


def show_me(user: User) -> dict[str, Any]:
    """`GET /api/auth/me`."""
    return {
        "id": user.id,
        "name": user.name,
        "type": user.type,
        "email": user.email,
        "mycel_id": user.mycel_id,
        "is_guest": user.is_guest,
        "avatar": user.avatar,
    }


def show_login(user: User) -> dict[str, Any]:
    """The `user` of a login or a registration."""
    return {
        "id": user.id,
        "name": user.name,
        "mycel_id": user.mycel_id,
        "email": user.email,
        "avatar": user.avatar,
    }


def show_guest(user: User) -> dict[str, Any]:
    """The `user` of a new guest."""
    return {
        "id": user.id,
        "name": user.name,
        "type": user.type,
        "is_guest": True,
        "email": None,
        "mycel_id": None,
        "avatar": None,
    }


def show_external(user: User) -> dict[str, Any]:
    """The `user` of a new external agent."""
    return {
        "id": user.id,
        "name": user.name,
        "type": user.type,
        "created_by_user_id": user.created_by_user_id,
    }


def show_agent(user: User | None) -> dict[str, Any] | None:
    """The `agent` of a login."""
    if user is None:
        return None
    return {"id": user.id, "name": user.name, "type": user.type, "avatar": user.avatar}
