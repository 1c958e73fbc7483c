"""Signatures, answers, statuses, keys and settings, each by itself."""

from __future__ import annotations

import base64
import json
import tomllib
from datetime import UTC, datetime

import pytest
from standardwebhooks import Webhook

from mycel_runtime import PluginError, Reject, Retry
from mycel_runtime.known_secrets import masked
from mycel_runtime.plugin.registry import load_plugins
from mycel_runtime.testing import BareChat, said
from mycel_runtime_plugins.webhook.answer import AnswerError, answer_of
from mycel_runtime_plugins.webhook.body import delivery_of_messages
from mycel_runtime_plugins.webhook.requirements import missing
from mycel_runtime_plugins.webhook.secret import SecretError, read_keys
from mycel_runtime_plugins.webhook.settings import WebhookSettings
from mycel_runtime_plugins.webhook.signature import signed_headers
from mycel_runtime_plugins.webhook.verdict import require_success
from tests.plugins.webhook.endpoint import KEY


def test_a_signature_is_the_published_one():
    """Source: the test vector of the Standard Webhooks libraries."""
    key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    headers = signed_headers(
        "msg_p5jXN8AQM9LWM0D4loKWxJek", b'{"test": 2432232314}', keys=[key], now=1614265330.9
    )
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_the_library_accepts_each_of_two_keys_while_they_are_changed():
    keys = [bytes(range(32)), bytes(range(1, 33))]
    headers = signed_headers("msg_1", '{"ü": 1}'.encode(), keys=keys, now=datetime.now(UTC).timestamp())
    for key in keys:
        assert Webhook(base64.b64encode(key).decode()).verify('{"ü": 1}'.encode(), headers) == {"ü": 1}


def test_the_same_messages_are_the_same_delivery_byte_for_byte():
    first, again, more = (BareChat("hello", *rest) for rest in ((), (), ("again",)))
    encoded = [delivery_of_messages(chat.ctx, []) for chat in (first, again, more)]
    strip = [json.loads(each.encoded()) for each in encoded]
    assert encoded[0].id == encoded[1].id != encoded[2].id
    assert strip[0]["messages"][0]["content"] == "hello"
    assert strip[0]["version"] == 1
    assert "." not in encoded[0].id


def test_half_a_surrogate_pair_can_be_delivered():
    delivery = delivery_of_messages(BareChat(said("a\ud800b")).ctx, [])
    assert json.loads(delivery.encoded().decode())["messages"][0]["content"] == "a\ud800b"
    assert "hello" not in repr(delivery_of_messages(BareChat("hello").ctx, []))


def answer(content, **about):
    encoded = content if isinstance(content, bytes) else json.dumps(content).encode()
    return answer_of(encoded, **{"most": 5, "characters": 20, "is_request": False, "has_chat": True, **about})


def test_an_answer_may_be_empty():
    assert answer(b"") == answer(b" \n") == answer({}) == answer({"replies": [], "deeds": []})


def test_a_reply_is_a_text_or_has_mentions():
    replies = answer({"replies": ["hi", {"text": "ho", "mentions": ["u"]}]}).replies
    assert [(each.text, each.mentions) for each in replies] == [("hi", []), ("ho", ["u"])]


def test_a_long_text_is_said_in_pieces_with_its_mentions():
    long = {"text": "one two three four five", "mentions": ["u"]}
    found = answer({"replies": [long, "six"], "deeds": [{"do": "say", "chat": "c", "text": long["text"]}]})
    assert [(each.text, each.mentions) for each in found.replies] == [
        ("one two three four", ["u"]),
        ("five", ["u"]),
        ("six", []),
    ]
    assert [(each.chat, each.text) for each in found.deeds] == [("c", "one two three four"), ("c", "five")]


@pytest.mark.parametrize(
    ("content", "about", "problem"),
    [
        (b"<html>", {}, "Invalid JSON"),
        (b"[]", {}, "object"),
        (b'{"replies": ["\xff"]}', {}, "Invalid JSON|invalid"),
        ({"reply": "secret"}, {}, "^reply: unknown key$"),
        ({"replies": "secret"}, {}, "^replies: .*array"),
        ({"replies": [" "]}, {}, r"^replies\.0\.text: "),
        ({"replies": [5]}, {}, r"^replies\.0: "),
        ({"replies": [{"text": "secret", "txt": 1}]}, {}, r"^replies\.0\.txt: unknown key$"),
        ({"replies": ["secret"] * 6}, {}, "more than 5"),
        ({"replies": ["secret " * 20]}, {}, "more than 5 .*pieces"),
        ({"replies": ["secret"]}, {"has_chat": False}, "only messages"),
        ({"deeds": [{"do": "format_disk"}]}, {}, r"^deeds\.0: "),
        ({"deeds": [{"do": "approve"}]}, {}, "no request that waits"),
        ({"deeds": [{"do": "approve"}, {"do": "reject"}]}, {"is_request": True}, "decided once"),
        ({"deeds": [{"do": "say", "text": "secret"}]}, {}, "either chat or user"),
        ({"deeds": [{"do": "say", "text": "secret", "chat": "c", "user": "u"}]}, {}, "either chat or user"),
        ({"deeds": [{"do": "say", "chat": "c"}]}, {}, "text"),
    ],
)
def test_what_is_not_known_is_refused_and_not_quoted(content, about, problem):
    with pytest.raises(AnswerError, match=problem) as refused:
        answer(content, **about)
    assert "secret" not in str(refused.value)


NOW = 1_800_000_000.0


@pytest.mark.parametrize(
    ("status", "headers", "expected"),
    [
        (200, {}, None),
        (204, {}, None),
        (100, {}, (Retry, None)),
        (301, {}, (Reject, "redirect")),
        (400, {}, (Reject, "400")),
        (404, {}, (Reject, "404")),
        (408, {}, (Retry, None)),
        (410, {}, (Reject, "no more deliveries")),
        (429, {}, (Retry, None)),
        (429, {"retry-after": "7"}, (Retry, 7.0)),
        (429, {"retry-after": "-7"}, (Retry, None)),
        (429, {"retry-after": "nan"}, (Retry, None)),
        (429, {"retry-after": "soon"}, (Retry, None)),
        (503, {"retry-after": "1e9"}, (Retry, 60.0)),
        (503, {"retry-after": "Fri, 15 Jan 2027 08:00:20 GMT"}, (Retry, 20.0)),
        (503, {"retry-after": "Fri, 15 Jan 2027 07:00:00 GMT"}, (Retry, 0.0)),
        (500, {"retry-after": "7"}, (Retry, None)),
        (502, {}, (Retry, None)),
    ],
)
def test_each_status_has_a_meaning(status, headers, expected):
    if expected is None:
        require_success(status, headers, cap=60.0, now=NOW)
        return
    kind, value = expected
    with pytest.raises(kind) as told:
        require_success(status, headers, cap=60.0, now=NOW)
    assert (told.value.after == value) if kind is Retry else (value in told.value.why)
    assert str(status) in told.value.why


def settings(**more):
    return WebhookSettings(**{"url": "https://example.org/hook", "secret_env": "WEBHOOK_KEY", **more})


def test_keys_are_read_from_where_only_their_owner_can_read(monkeypatch, key_file, tmp_path):
    of_file = settings(secret_env=None, secret_file=key_file)
    of_credential = settings(secret_env=None, secret_credential="hook.key")
    (tmp_path / "hook.key").write_text(f"{KEY} whsec_{KEY}")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    monkeypatch.setenv("WEBHOOK_KEY", KEY)

    assert read_keys(of_file) == read_keys(settings()) == [bytes(range(32))]
    assert len(read_keys(of_credential)) == 2
    assert masked(f"signed with whsec_{KEY}") == "signed with whsec_***"
    assert missing(of_file) == []

    key_file.chmod(0o640)
    with pytest.raises(SecretError, match="chmod 600"):
        read_keys(of_file)
    (lack,) = missing(of_file)
    assert lack.fix.startswith("chmod 600")


@pytest.mark.parametrize(
    ("text", "problem"),
    [("", "no key"), ("whsec_!", "no base64"), ("c2VjcmV0", "6 bytes"), ("YQ" * 60, "no base64|bytes")],
)
def test_what_is_no_key_is_refused_and_not_shown(monkeypatch, text, problem):
    monkeypatch.setenv("WEBHOOK_KEY", text)
    with pytest.raises(SecretError, match=problem) as refused:
        read_keys(settings())
    assert not text or text not in str(refused.value)


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ({}, r"url: missing"),
        ({"url": "example.org"}, r"line 2: .*url: must begin with https"),
        ({"url": "https://me:word@example.org/"}, r"line 2: .*url: must hold no password"),
        ({"url": "https://e.org/"}, r"line 1: .*needs one of secret_file"),
        ({"url": "https://e.org/", "secret_env": "A", "secret_file": "a"}, "needs one of secret_file"),
        ({"url": "https://e.org/", "secret_env": "A", "events": ["frames"]}, "events"),
        ({"url": "https://e.org/", "secret_env": "A", "proxy": "ftp://x"}, r"line 4: .*proxy: use http"),
        ({"url": "https://e.org/", "secret_env": "A", "timeout": 0}, r"line 4: .*timeout: "),
        ({"url": "https://e.org/", "secret_env": "A", "retries": 3}, r"line 4: .*retries: unknown key"),
    ],
)
def test_a_mistake_in_the_table_is_told_with_its_line(tmp_path, table, problem):
    config = tmp_path / "agent.toml"
    lines = [f"{key} = {json.dumps(value)}" for key, value in table.items()]
    config.write_text("\n".join(["[plugins.webhook]", *lines]))
    with pytest.raises(PluginError, match=problem) as refused:
        load_plugins(tomllib.loads(config.read_text())["plugins"], config)
    assert "word" not in str(refused.value).replace("password", "")


def test_addresses_may_hold_tokens_so_they_are_not_shown():
    assert "example.org" not in repr(settings(url="https://example.org/hook?token=t", secret_env="A"))
