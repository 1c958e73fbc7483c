"""Humans with an address, their managed agents and threads, through the genuine clients (2.1, 2.3, 2.4, 2.12)."""

from __future__ import annotations

import pytest

from mycel_runtime.backend.control import ask
from mycel_runtime.backend.server import BackendOptions, LocalBackend
from tests.contract.genuine.conftest import Town, unique
from tests.contract.genuine.puppet import Raised
from tests.contract.genuine.shapes import ANYTHING, NUMBER, TOKEN, UUID, matching

pytestmark = pytest.mark.peers

AGENT_ID = matching("m_[A-Za-z0-9]{12}")
NO_INVITATION = (400, "邀请码无效或已过期")


def order(town, verb, **arguments):
    """What the operator of the backend asks of it."""
    return ask(town.backend.options.control_socket, verb, **arguments)


@pytest.fixture
def address():
    return f"{unique('ada')}@example.org"


@pytest.fixture
def human(town, address):
    """A human who logged in."""
    order(town, "add_user", email=address, password="secret")
    return town.stranger(town.stranger()("auth.login", address, "secret")["token"])


def test_a_registration_leads_from_an_invitation_to_a_login(town, address):
    stranger = town.stranger()
    invitation = order(town, "invite")["invite_code"]
    assert stranger("auth.send_otp", address, "secret", invitation) == {"ok": True}
    verified = stranger("auth.verify_otp", address, order(town, "codes")[address])
    assert verified == {"temp_token": TOKEN}
    registered = stranger("auth.complete_register", verified["temp_token"], invitation)
    user = {
        "id": UUID,
        "name": address.partition("@")[0],
        "mycel_id": NUMBER,
        "email": address,
        "avatar": None,
    }
    agent = {"id": AGENT_ID, "name": "Toad", "type": "agent", "avatar": None}
    assert registered == {"token": verified["temp_token"], "user": user, "agent": agent}
    for identifier in (address, str(registered["user"]["mycel_id"])):
        logged_in = stranger("auth.login", identifier, "secret")
        assert logged_in == {"token": TOKEN, "user": registered["user"], "agent": registered["agent"]}
    agents = town.stranger(registered["token"])("agents.list")["items"]
    assert [agent["name"] for agent in agents] == ["Toad", "Morel"]


def test_an_invitation_is_used_up(town, address):
    stranger = town.stranger()
    assert stranger.refused("auth.send_otp", address, "secret", "no such code") == NO_INVITATION
    invitation = order(town, "invite")["invite_code"]
    stranger("auth.send_otp", address, "secret", invitation)
    token = stranger("auth.verify_otp", address, order(town, "codes")[address])["temp_token"]
    stranger("auth.complete_register", token, invitation)
    assert stranger.refused("auth.send_otp", address, "secret", invitation) == NO_INVITATION
    assert stranger.refused("auth.send_otp", f"x{address}", "secret", invitation) == NO_INVITATION


def test_an_address_is_registered_once(town, human, address):
    invitation = order(town, "invite")["invite_code"]
    refusal = (400, "该邮箱已注册，请直接登录")
    assert town.stranger().refused("auth.send_otp", address, "other", invitation) == refusal


def test_a_wrong_code_verifies_nothing(town, address):
    stranger = town.stranger()
    assert stranger.refused("auth.verify_otp", address, "000000") == (400, "验证码无效或已过期")
    stranger("auth.send_otp", address, "secret", order(town, "invite")["invite_code"])
    status, detail = stranger.refused("auth.verify_otp", address, "not it")
    assert status == 400
    assert detail is not None
    assert detail.startswith("验证码错误: ")


def test_a_bad_token_completes_nothing(town):
    invitation = order(town, "invite")["invite_code"]
    refusal = (400, "会话已过期，请重新验证邮箱")
    assert town.stranger().refused("auth.complete_register", "nonsense", invitation) == refusal


def test_a_wrong_password_is_refused(town, human, address):
    assert town.stranger().refused("auth.login", address, "wrong") == (401, "邮箱或密码错误")


def test_a_human_with_an_address_is_no_guest(human, address):
    assert human("me.whoami") == {
        "id": UUID,
        "name": address.partition("@")[0],
        "type": "human",
        "email": address,
        "mycel_id": NUMBER,
        "is_guest": False,
        "avatar": None,
    }


def test_an_agent_is_made_and_listed(human):
    assert human("agents.list") == {"items": []}
    created = human("agents.create", "Toad", description="croaks")
    assert created.pop("config") == {
        "prompt": ANYTHING,
        "rules": ANYTHING,
        "tools": ANYTHING,
        "mcpServers": ANYTHING,
        "skills": ANYTHING,
        "subAgents": ANYTHING,
        "compact": {"trigger_tokens": ANYTHING},
    }
    assert created == {
        "id": AGENT_ID,
        "name": "Toad",
        "description": "croaks",
        "model": ANYTHING,
        "status": "draft",
        "version": "1.0.0",
        "avatar_url": None,
        "created_at": 0,
        "updated_at": 0,
    }
    assert human("agents.list") == {"items": [created]}


def test_guests_and_agents_make_no_agents(owner, agent):
    for who in (owner, agent):
        status, detail = who.refused("agents.create", "Toad")
        assert status == 403
        assert detail is not None
        assert detail.startswith("Capability required: ")


def test_the_first_thread_of_an_agent_is_its_main_one(human):
    agent = human("agents.create", "Toad")["id"]
    threads = [
        human("threads.create", agent),
        human("threads.create", agent, cwd="/w", bind_mounts=[{"source": "/a", "target": "/b"}]),
    ]
    assert threads == [
        {
            "thread_id": matching(f"{agent}-[0-9]+"),
            "sandbox": "local",
            "agent_user_id": agent,
            "agent_name": "Toad",
            "branch_index": index,
            "sidebar_label": None,
            "avatar_url": None,
            "is_main": index == 0,
        }
        for index in (0, 1)
    ]
    assert threads[0]["thread_id"] != threads[1]["thread_id"]


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        ({"sandbox": "cloud"}, 400, "sandbox_provider_unavailable"),
        ({"sandbox_template_id": "none"}, 400, "Recipe not found"),
        ({"existing_sandbox_id": "other's"}, 403, "Sandbox not authorized"),
    ],
)
def test_a_sandbox_that_is_not_there_opens_no_thread(human, arguments, status, said):
    agent = human("agents.create", "Toad")["id"]
    told, detail = human.refused("threads.create", agent, **arguments)
    assert told == status
    assert said in (detail or "")


def test_only_its_owner_opens_threads_of_an_agent(human):
    assert human.refused("threads.create", "m_somebodys") == (403, "Not authorized")


@pytest.mark.parametrize("mount", [{"target": "/b"}, {"source": "/a"}])
def test_half_a_mount_is_refused_before_it_is_sent(human, mount):
    with pytest.raises(Raised) as caught:
        human("threads.create", "m_1", bind_mounts=[mount])
    assert caught.value.kind == "KeyError"


def test_a_mount_of_no_kind_is_refused_before_it_is_sent(human):
    mount = {"source": "/a", "target": "/b", "mode": "move"}
    with pytest.raises(Raised) as caught:
        human("threads.create", "m_1", bind_mounts=[mount])
    assert caught.value.kind == "ValueError"


def test_the_communication_profile_has_no_accounts_and_no_panel(client, http):
    with LocalBackend(BackendOptions(profile="communication")) as backend:
        town = Town(backend, client, http)
        stranger, guest = town.stranger(), town.guest()
        asked = [
            stranger.refused("auth.login", "a@example.org", "pw"),
            stranger.refused("auth.send_otp", "a@example.org", "pw", "code"),
            stranger.refused("auth.verify_otp", "a@example.org", "123456"),
            stranger.refused("auth.complete_register", "token", "code"),
            guest.refused("agents.list"),
            guest.refused("agents.create", "Toad"),
            guest.refused("threads.create", "m_1"),
        ]
        assert set(asked) == {(404, "Not Found")}
        assert guest("chats.direct", town.external(guest).id)["id"] == UUID
