"""The client's one message, as the server takes it. Source: contract 5.3, the whole table; Q15."""

from __future__ import annotations

import pytest

from mycel_runtime.wire.codec import decode_resume


@pytest.mark.parametrize(
    ("raw", "since_seq"),
    [
        ('{"type":"resume","since_seq":7}', 7),
        ('{"type": "resume", "since_seq": 7, "client": "x"}', 7),
        ('{"type":"resume"}', 0),
        ('{"type":"resume","since_seq":null}', 0),
        ('{"type":"resume","since_seq":""}', 0),
        ('{"type":"resume","since_seq":0}', 0),
        ('{"type":"resume","since_seq":false}', 0),
        ('{"type":"resume","since_seq":[]}', 0),
        ('{"type":"resume","since_seq":{}}', 0),
        ('{"type":"resume","since_seq":"7"}', 7),
        ('{"type":"resume","since_seq":7.9}', 7),
        ('{"type":"resume","since_seq":true}', 1),
        ('{"type":"resume","since_seq":-3}', -3),
        ('{"type":"resume","since_seq":"-3"}', -3),
    ],
)
def test_replay_starts_after_since_seq(raw, since_seq):
    assert decode_resume(raw) == since_seq


@pytest.mark.parametrize(
    "raw",
    [
        "[]",
        '["resume",7]',
        '"resume"',
        "7",
        "null",
        "{}",
        '{"since_seq":7}',
        '{"type":"hello","since_seq":7}',
        '{"type":"RESUME","since_seq":7}',
        '{"type":"hello","since_seq":"x"}',
    ],
)
def test_anything_else_is_consumed_without_a_replay(raw):
    assert decode_resume(raw) is None


@pytest.mark.parametrize(
    "since_seq",
    ['"x"', '"1e3"', '"7.9"', "Infinity", "-Infinity", "NaN", "1e400", "[1]", '{"a":1}', '" "'],
)
def test_since_seq_that_is_no_number_drops_the_connection(since_seq):
    with pytest.raises(ValueError):  # noqa: PT011 - the text is the interpreter's
        decode_resume(f'{{"type":"resume","since_seq":{since_seq}}}')


@pytest.mark.parametrize(
    "raw",
    ["", "resume", '{"type":"resume","since_seq":7', "[" * 100_000],
    ids=["nothing", "word", "cut", "deep"],
)
def test_message_that_is_no_json_drops_the_connection(raw):
    with pytest.raises(ValueError):  # noqa: PT011 - the text is the interpreter's
        decode_resume(raw)
