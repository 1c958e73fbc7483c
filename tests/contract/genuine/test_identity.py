"""Who is who, through the genuine clients (contract 2.1, 2.2, 2.11)."""

from __future__ import annotations

import pytest

from tests.contract.genuine.conftest import unique
from tests.contract.genuine.puppet import Raised
from tests.contract.genuine.shapes import TOKEN, matching

pytestmark = pytest.mark.peers

GUEST_ID = matching(r"guest-[0-9a-f-]{36}")


@pytest.mark.parametrize(("asked", "name"), [("Ada", "Ada"), (None, "Guest")])
def test_a_guest_is_a_human_without_an_address(newest_town, asked, name):
    assert newest_town.stranger()("auth.create_guest_owner", asked) == {
        "token": TOKEN,
        "user": {
            "id": GUEST_ID,
            "name": name,
            "type": "human",
            "is_guest": True,
            "email": None,
            "mycel_id": None,
            "avatar": None,
        },
    }


def test_a_guest_knows_himself(owner):
    assert owner("me.whoami") == {
        "id": owner.id,
        "name": "Owner",
        "type": "human",
        "email": None,
        "mycel_id": None,
        "is_guest": True,
        "avatar": None,
    }


@pytest.mark.parametrize("method", ["auth.create_external_user", "users.create_external"])
def test_an_external_user_belongs_to_whoever_created_it(town, owner, method):
    user_id = unique("bot")
    created = owner(method, user_id, "Böt")
    user = {"id": user_id, "name": "Böt", "type": "external", "created_by_user_id": owner.id}
    assert created == {"token": TOKEN, "user": user}
    bot = town.stranger(created["token"])("me.whoami")
    assert (bot["id"], bot["name"], bot["type"], bot["is_guest"]) == (user_id, "Böt", "external", False)


def test_an_id_is_given_once(owner, agent):
    detail = f"external user already exists: {agent.id}"
    assert owner.refused("users.create_external", agent.id, "Again") == (409, detail)


@pytest.mark.parametrize(("user_id", "name"), [("  ", "Bot"), ("blank-name", " ")])
def test_blank_ids_and_names_are_refused(owner, user_id, name):
    status, _ = owner.refused("users.create_external", user_id, name)
    assert status == 400


def test_an_external_user_creates_no_others(agent):
    refusal = agent.refused("auth.create_external_user", unique("bot"), "Bot")
    assert refusal == (403, "Capability required: create_external_user")


@pytest.mark.parametrize(
    ("token", "detail"),
    [
        ("nonsense", "Token 无效: Not enough segments"),
        ("a.b.c", "Token 无效: "),
    ],
)
def test_a_bad_token_is_refused(town, token, detail):
    status, said = town.stranger(token).refused("me.whoami")
    assert (status, said[: len(detail)]) == (401, detail)


def test_without_a_token_nothing_is_asked(town):
    with pytest.raises(Raised) as caught:
        town.stranger()("chats.list")
    assert caught.value.kind == "RuntimeError"
    assert caught.value.text == "auth_token is required for generated adapter authenticated calls"


@pytest.mark.parametrize(
    ("identifier", "detail"), [("nobody@example.org", "邮箱或密码错误"), ("9999999", "用户不存在")]
)
def test_nobody_cannot_log_in(town, identifier, detail):
    assert town.stranger().refused("auth.login", identifier, "secret") == (401, detail)


def test_the_probe_finds_what_a_connection_needs(newest_town, backend):
    info = newest_town.stranger()("backend_info")
    assert info["base_url"] == backend.base_url
    assert (info["title"], info["version"]) == ("Mycel Web Backend", "0.1.0")
    assert info["openapi"].startswith("3.")
    assert info["capabilities"] == {
        "guest_auth": True,
        "external_users": True,
        "chat_messages": True,
        "runtime_inbox": True,
    }
