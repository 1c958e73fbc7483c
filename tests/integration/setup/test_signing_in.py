"""Becoming an owner on a real backend, being remembered, and being asked again when the time is over."""

from __future__ import annotations

import time

import pytest

from mycel_runtime.backend.server import BackendOptions, LocalBackend
from mycel_runtime.errors import ArgumentError, ConfigError, IdentityRefusedError, LoginRefusedError
from mycel_runtime.setup.accounts import Accounts
from mycel_runtime.setup.owner import Owner, expiry_of
from mycel_runtime.setup.owner_store import owner_path, read_owner, write_owner
from mycel_runtime.setup.questions import Wishes
from mycel_runtime.setup.signing_in import make_guest, sign_in
from tests.integration.setup.conftest import AbsentAuthor, Somebody

ADA = "ada@example.org"


@pytest.fixture
def ada(backend):
    backend.ask("add_user", email=ADA, password="s3cret")


def logged_in(accounts, **answers):
    person = Somebody({"way": ["login"], "identifier": [ADA], "password": ["s3cret"], **answers})
    return sign_in(Wishes(), accounts, person), person


def test_a_login_is_kept_private_with_its_end_and_not_asked_for_again(accounts, ada):
    owner, person = logged_in(accounts, password=["wrong", "s3cret"])

    path = owner_path(accounts.base_url)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert owner.expires_at == pytest.approx(time.time() + 3600, abs=60)
    assert person.asked == ["way", "identifier", "password", "password"]
    said = "\n".join(person.told)
    assert "wrong e-mail address or password" in said
    assert "expires 20" in said
    assert owner.token.get_secret_value() not in said + repr(owner)
    assert sign_in(Wishes(), accounts, Somebody()) == owner


@pytest.mark.parametrize("how", ["by its date", "by the backend"])
def test_a_login_that_has_ended_is_renewed_by_the_password_alone(backend, accounts, ada, how):
    owner, _ = logged_in(accounts)
    if how == "by its date":
        write_owner(owner.model_copy(update={"expires_at": time.time() - 1}))
    else:
        backend.faults.expire_token(owner.token.get_secret_value())
        time.sleep(1.1)  # Another token: the same second would give the same one, which is refused.
    with pytest.raises(ArgumentError, match="nobody to ask"):
        sign_in(Wishes(), accounts, AbsentAuthor())

    person = Somebody({"password": ["s3cret"]})
    again = sign_in(Wishes(), accounts, person)

    assert person.asked == ["password"]
    assert again.user_id == owner.user_id
    assert read_owner(accounts.base_url) == again


def test_a_registration_wants_invite_and_code_and_may_be_mistaken_in_the_code(backend, accounts):
    person = Somebody(
        {
            "way": ["register"],
            "identifier": [ADA],
            "password": ["s3cret"],
            "invite": [backend.ask("invite")["invite_code"]],
            "code": ["000000x", lambda: backend.ask("codes")[ADA]],
        }
    )

    owner = sign_in(Wishes(), accounts, person)

    assert "wrong one-time code" in "\n".join(person.told)
    assert (owner.name, owner.identifier) == ("ada", ADA)
    assert accounts.whose(owner.token, fix="")["id"] == owner.user_id


def test_what_is_refused_says_by_whose_fault_and_leaves_nothing(accounts, homes):
    wishes = Wishes(way="register", identifier=ADA, password="s3cret", invite="none")
    with pytest.raises(ArgumentError, match="invite code is not valid"):
        sign_in(wishes, accounts, AbsentAuthor())
    with pytest.raises(LoginRefusedError, match="wrong e-mail address or password"):
        sign_in(Wishes(way="login", identifier=ADA, password="wrong"), accounts, AbsentAuthor())
    assert list(homes.iterdir()) == []


def test_a_guest_whom_a_login_follows_is_kept_aside(accounts, ada):
    """His token is told once, and his agents are his for ever."""
    guest = make_guest(accounts, Somebody())

    sign_in(Wishes(way="login", identifier=ADA, password="s3cret"), accounts, AbsentAuthor())

    (aside,) = owner_path(accounts.base_url).parent.glob("*.former")
    assert Owner.model_validate_json(aside.read_bytes()).token == guest.token
    assert aside.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("options", "way"), [({"generation": "b1"}, "guest"), ({"profile": "communication"}, "login")]
)
def test_a_backend_that_lacks_a_way_to_become_an_owner_says_so(options, way, homes):
    with LocalBackend(BackendOptions(**options)) as older:
        accounts, person = Accounts(base_url=older.base_url), AbsentAuthor()
        wishes = Wishes(way=way, identifier=ADA, password="s3cret")
        with pytest.raises(ConfigError, match="has no such call"):
            sign_in(wishes, accounts, person) or make_guest(accounts, person)

    assert list(homes.iterdir()) == []


def test_an_owners_file_that_others_can_read_is_refused(accounts):
    make_guest(accounts, Somebody())
    owner_path(accounts.base_url).chmod(0o644)

    with pytest.raises(ConfigError, match="open to others"):
        sign_in(Wishes(), accounts, Somebody())


@pytest.mark.parametrize(
    ("token", "is_guest", "expiry"),
    [
        ("a.eyJleHAiOiAxMjN9.c", False, 123.0),
        ("a.eyJzdWIiOiAieCJ9.c", False, 3610.0),
        ("a.eyJzdWIiOiAieCJ9.c", True, None),
        ("opaque", False, 3610.0),
        ("a.%%%.c", True, None),
    ],
)
def test_a_tokens_end_is_what_it_tells_else_an_hour(token, is_guest, expiry):
    assert expiry_of(token, is_guest=is_guest, now=10.0) == expiry


def test_a_refused_token_of_an_agent_is_no_login(accounts):
    guest = make_guest(accounts, Somebody())
    with pytest.raises(IdentityRefusedError, match="the token was refused"):
        accounts.whose(guest.token.__class__("x.y.z"), fix="")
