"""No secret is in a line, whoever tries to log it; and what is none stands as it was."""

from __future__ import annotations

import io
import json
import logging
import os
import threading

import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st

from mycel_runtime.known_secrets import MASK, masked, masked_bytes, remember_pair, remember_secret
from mycel_runtime.observe.library_logs import TALKATIVE, RecordLines
from mycel_runtime.observe.log_style import LogStyle
from mycel_runtime.observe.logs import configure_logging
from mycel_runtime.observe.output import BoundedWriter
from mycel_runtime.observe.redaction import RULES, redacted

SECRET = 'tok/"en+\\42='

SHOWN = [
    ("Authorization: Bearer abcdefgh.ij", "Authorization: Bearer ***"),
    ("{'authorization': 'Basic YWJjZGVm', 'a': 1}", "{'authorization': 'Basic ***', 'a': 1}"),
    ("[(b'Proxy-Authorization', b'abcdefgh')]", "[(b'Proxy-Authorization', b'***')]"),
    (r'"x": "{\"authorization\": \"abcdefgh\"}"', r'"x": "{\"authorization\": \"***\"}"'),
    ("sent Bearer abcdefgh.ij to it", "sent Bearer *** to it"),
    ("GET http://h/x?token=abc&limit=5", "GET http://h/x?token=***&limit=5"),
    ("ws://user:pass@host:1/x", "ws://***@host:1/x"),
    ('{"api_key": "sk-abc", "n": 1}', '{"api_key": "***", "n": 1}'),
    ("x-api-key: sk-abc", "x-api-key: ***"),
    ("password=hunter2 user=me", "password=*** user=me"),
    ("said eyJhbGciOiJI.eyJzdWIiOiJh.c2lnbmF0dXJl to it", "said *** to it"),
]
NONE = [
    '{"token": 17, "event": "token.awaited", "max_tokens": 100}',
    "no token: ",
    "https://host:8042/a?b=c mail@example.org",
    "basic needs, and who bears them",
    "the tokens of a secretary",
]


@pytest.mark.parametrize(("text", "clean"), SHOWN)
def test_what_looks_like_a_secret_is_masked(text, clean):
    assert redacted(text) == clean


@pytest.mark.parametrize("text", NONE)
def test_what_does_not_is_left(text):
    assert redacted(text) == text


ODD_CASES = {"i": "iI\u0130\u0131", "s": "sS\u017f", "k": "kK\u212a"}


@st.composite
def shouted(draw):
    """Something to be masked, in letters of any case: `re` knows four that are ASCII's to it alone."""
    text = draw(st.sampled_from([text for text, _ in SHOWN]))
    odd = "".join(draw(st.sampled_from(ODD_CASES.get(each.lower(), each + each.upper()))) for each in text)
    return draw(st.text(max_size=3)) + odd


@settings(max_examples=60)
@given(shouted())
def test_no_rule_is_left_out_that_would_find_something(text):
    expected = text
    for rule in RULES:
        expected = rule.pattern.sub(rule.instead, expected)

    assert redacted(text) == masked(expected)


@settings(max_examples=30)
@given(
    st.text(alphabet="eyJ.-a_ 0\n", max_size=20),
    st.sampled_from(["eyJhbGciOiJI.eyJzdWIiOiJh.c2lnbmF0dXJl", "hunter22"]),
)
def test_a_known_secret_and_a_web_token_are_found_wherever_they_stand(text, secret):
    remember_secret("hunter22")

    for found in (masked(f"{text} {secret}"), masked_bytes(f"{text} {secret}".encode()).decode()):
        assert secret not in found
        assert found.endswith(MASK)


def lines(capsys):
    return capsys.readouterr().err


def test_a_secret_that_we_have_read_is_in_no_line_of_anybodys(capsys):
    """Loggers of libraries at debug, tracebacks, handlers that a plugin adds, keys and values of any kind."""
    configure_logging(LogStyle(level="debug", format="json"))
    remember_secret(SECRET)
    theirs = io.StringIO()
    library = logging.getLogger("some.library")
    library.addHandler(handler := logging.StreamHandler(theirs))
    for name in TALKATIVE:
        logging.getLogger(name).setLevel(logging.DEBUG)  # as a plugin may, for as long as it runs
    try:
        for name in (*TALKATIVE, library.name):
            logging.getLogger(name).debug("request %r with %s", {"x": SECRET}, SECRET)
        for log in (library, structlog.get_logger()):
            try:
                int(SECRET)
            except ValueError:
                log.exception("failed")
        structlog.get_logger().debug("said", value=SECRET, nested=[{"a": (SECRET,)}], data=SECRET.encode())
    finally:
        library.removeHandler(handler)

    written = [json.loads(line) for line in lines(capsys).splitlines()]
    assert len(written) == len(TALKATIVE) + 1 + 3
    for text in (json.dumps(written), theirs.getvalue()):
        assert MASK in text
        for spelled in (SECRET, json.dumps(SECRET)[1:-1], json.dumps(json.dumps(SECRET)[1:-1])[1:-1]):
            assert spelled not in text
    assert all("ValueError" in line["exception"] for line in written if line["event"] == "failed")


def test_what_is_printed_is_masked_too():
    remember_secret(SECRET)
    remember_pair("me", "hunter22")
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as pipe:
        writer = BoundedWriter(writing)
        writer.write(f"a {SECRET} b hunter22 c bWU6aHVudGVyMjI= d\n".encode())
        writer.drain(10)
        os.close(writing)
        assert pipe.read() == b"a *** b *** c *** d\n"


def test_what_is_too_short_to_be_told_from_a_word_is_none(capsys):
    configure_logging(LogStyle(format="json"))
    remember_secret("owner")
    structlog.get_logger().info("the owner said so")

    assert "the owner said so" in lines(capsys)


def warning(text, *args):
    return logging.makeLogRecord(
        {"name": "some.library", "levelno": logging.WARNING, "msg": text, "args": args}
    )


def test_a_storm_of_a_librarys_has_a_line_a_second(capsys):
    configure_logging(LogStyle(format="json"))
    waiting = []
    library = RecordLines(later=lambda *wish: waiting.append(wish))
    for _ in range(50):
        library.emit(warning("pool is full"))
    library.emit(warning("pool is full of %d", 7))

    written = [json.loads(line) for line in lines(capsys).splitlines()]
    assert [line["event"] for line in written[:2]] == ["pool is full", "pool is full of 7"]
    assert len(written) < 5
    assert waiting


def test_a_secret_that_becomes_known_while_others_write_is_masked_in_every_later_line():
    """What secrets look like is worked out when a line is written, by whichever thread that is."""
    numbers, seen = range(200), []

    def write():
        while len(seen) < len(numbers):
            masked("nothing in here")

    writers = [threading.Thread(target=write) for _ in range(3)]
    for writer in writers:
        writer.start()
    for number in numbers:
        secret = f"secret-{number}-{number}"
        remember_secret(secret)
        seen.append(masked(f"in {secret} here"))
    for writer in writers:
        writer.join(10)

    assert set(seen) == {"in *** here"}


def test_as_many_secrets_are_known_as_a_thousand_agents_have():
    secrets = [f"token-{number:05}" for number in range(4_000)]
    for secret in secrets:
        remember_secret(secret)

    assert {masked(f"<{secret}>") for secret in secrets[::100]} == {"<***>"}
