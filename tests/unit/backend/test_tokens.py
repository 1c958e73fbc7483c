from __future__ import annotations

import base64

import pytest

from mycel_runtime.backend.tokens import TokenError, Tokens, hash_password, matches

NOW = 1_000_000.0


@pytest.fixture
def tokens():
    return Tokens(b"secret")


def test_a_token_is_its_user_s_for_ever(tokens):
    assert tokens.read(tokens.make("ada", NOW), NOW + 10**9) == "ada"


def test_a_login_s_token_expires_within_the_hour_with_a_minute_s_leeway(tokens):
    token = tokens.make("ada", NOW, expires=True)
    assert tokens.read(token, NOW + 3600 + 60) == "ada"
    with pytest.raises(TokenError, match="已过期"):
        tokens.read(token, NOW + 3600 + 61)


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "a.b.c.d", "ü.ü.ü"])
def test_what_is_no_token_is_refused(tokens, token):
    with pytest.raises(TokenError, match="无效"):
        tokens.read(token, NOW)


def test_a_token_of_another_secret_or_for_another_user_is_refused(tokens):
    header, _, signature = tokens.make("ada", NOW).split(".")
    body = base64.urlsafe_b64encode(b'{"sub":"bob"}').decode().rstrip("=")
    for forged in (f"{header}.{body}.{signature}", Tokens(b"other").make("ada", NOW)):
        with pytest.raises(TokenError, match="Signature verification failed"):
            tokens.read(forged, NOW)


def test_a_password_matches_itself_only_and_never_looks_the_same_twice():
    stored = hash_password("secret")
    assert matches("secret", stored)
    assert not matches("Secret", stored)
    assert stored != hash_password("secret")
