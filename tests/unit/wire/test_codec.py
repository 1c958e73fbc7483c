"""Whatever arrives is understood or called malformed; nothing that arrives raises."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mycel_runtime.wire.codec import (
    decode_frame,
    decode_item,
    decode_resume,
    encode_item,
    encode_notify,
    encode_overflow,
    encode_resume,
    fingerprint,
)
from mycel_runtime.wire.frames import MalformedFrame, Notify, Overflow, UnknownFrame
from mycel_runtime.wire.limits import LARGEST_SEQ

FRAMES = (Notify, Overflow, UnknownFrame, MalformedFrame)

texts = st.text(max_size=20)
seqs = st.integers(min_value=-LARGEST_SEQ, max_value=LARGEST_SEQ)
numbers = st.integers(min_value=-(10**30), max_value=10**30) | st.floats(
    allow_nan=False, allow_infinity=False
)
json_values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=10,
)
metadata = st.dictionaries(texts, json_values, max_size=5)
times = st.none() | st.floats(min_value=0, max_value=1e11)
notifications = st.builds(
    lambda seq, ts, said: Notify(seq=seq, fingerprint=fingerprint(said), ts=ts, metadata=said),
    seqs,
    times,
    metadata,
)

MALFORMED = {
    "nothing": "",
    "blank": " \n",
    "not JSON": "hello",
    "cut off": '{"type":"notify","seq":1,"metadata":{"a":',
    "two at once": '{"type":"notify","seq":1,"metadata":{}}{}',
    "byte order mark": '\ufeff{"type":"notify","seq":1,"metadata":{}}',
    "single quotes": "{'type':'notify'}",
    "array": '[{"type":"notify","seq":1,"metadata":{}}]',
    "text": '"notify"',
    "number": "12",
    "null": "null",
    "not a number": '{"type":"notify","seq":NaN,"metadata":{}}',
    "infinity": '{"type":"notify","seq":Infinity,"metadata":{}}',
    "infinity in metadata": '{"type":"notify","seq":1,"metadata":{"a":-Infinity}}',
    "deep array": "[" * 100_000 + "]" * 100_000,
    "deep object": '{"a":' * 20_000 + "1" + "}" * 20_000,
    "deep metadata": '{"type":"notify","seq":1,"metadata":' + '{"a":' * 20_000 + "1" + "}" * 20_001,
    "integer of 5000 digits": '{"type":"notify","seq":1,"metadata":{"a":1' + "0" * 5000 + "}}",
    "lone surrogate, escaped": r'{"type":"notify","seq":1,"metadata":{"a":"\ud800"}}',
    "lone surrogate, raw": '{"type":"notify","seq":1,"metadata":{"a":"\ud800"}}',
    "binary": b"\x00\xff\xfe\x81",
    "binary nothing": b"",
    "not UTF-8": b'{"type":"notify","seq":1,"metadata":{"a":"\xff"}}',
    "seq missing": '{"type":"notify","metadata":{}}',
    "seq null": '{"type":"notify","seq":null,"metadata":{}}',
    "seq text": '{"type":"notify","seq":"1","metadata":{}}',
    "seq fraction": '{"type":"notify","seq":1.0,"metadata":{}}',
    "seq bool": '{"type":"notify","seq":true,"metadata":{}}',
    "seq beyond 64 bits": '{"type":"notify","seq":9223372036854775808,"metadata":{}}',
    "seq below 64 bits": '{"type":"notify","seq":-9223372036854775809,"metadata":{}}',
    "metadata missing": '{"type":"notify","seq":1}',
    "metadata null": '{"type":"notify","seq":1,"metadata":null}',
    "metadata array": '{"type":"notify","seq":1,"metadata":[]}',
    "metadata text": '{"type":"notify","seq":1,"metadata":"{}"}',
    "overflow without oldest_seq": '{"type":"replay_overflow","since_seq":1}',
    "overflow without since_seq": '{"type":"replay_overflow","oldest_seq":1}',
    "overflow of texts": '{"type":"replay_overflow","since_seq":"1","oldest_seq":"2"}',
    "overflow of bools": '{"type":"replay_overflow","since_seq":true,"oldest_seq":false}',
}


@pytest.mark.parametrize("raw", MALFORMED.values(), ids=MALFORMED.keys())
def test_breach_of_contract_is_malformed_and_no_error(raw):
    frame = decode_frame(raw)
    assert isinstance(frame, MalformedFrame)
    assert frame.reason


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        ('{"type":"hello"}', "hello"),
        ('{"type":"Notify","seq":1,"metadata":{}}', "Notify"),
        ('{"type":7}', ""),
        ('{"type":["notify"]}', ""),
        ("{}", ""),
    ],
)
def test_object_of_another_type_is_unknown_and_no_error(raw, kind):
    """A newer server may say more than we know."""
    assert decode_frame(raw) == UnknownFrame(type=kind)


@pytest.mark.parametrize(
    ("ts", "expected"),
    [
        ("1746412345.67", 1746412345.67),
        ("0", 0.0),
        ("null", None),
        ('"2025-05-05T00:00:00Z"', None),
        ("true", None),
        ("1e400", None),
        ("1" + "0" * 400, None),
        ("{}", None),
    ],
)
def test_time_that_is_none_does_not_cost_the_frame(ts, expected):
    frame = decode_frame(f'{{"type":"notify","seq":1,"fingerprint":"f","ts":{ts},"metadata":{{}}}}')
    assert frame == Notify(seq=1, fingerprint="f", ts=expected, metadata={})


@pytest.mark.parametrize(
    ("said", "chat_id", "message_seq", "event_type"),
    [
        ({"chat_id": "c", "message_seq": 4, "event_type": "chat.message"}, "c", 4, "chat.message"),
        ({"chat_id": "", "message_seq": None, "event_type": None}, None, None, ""),
        ({"chat_id": 7, "message_seq": "4", "event_type": ["x"]}, None, None, ""),
        ({"message_seq": True}, None, None, ""),
        ({"message_seq": 4.0}, None, None, ""),
        ({"message_seq": -1}, None, None, ""),
        ({"message_seq": 2**53}, None, None, ""),
        ({"message_seq": 2**70}, None, None, ""),
        ({}, None, None, ""),
    ],
)
def test_metadata_of_wrong_types_says_nothing(said, chat_id, message_seq, event_type):
    frame = Notify(seq=1, fingerprint="f", ts=None, metadata=said)
    assert (frame.chat_id, frame.message_seq, frame.event_type) == (chat_id, message_seq, event_type)


def test_reason_never_shows_what_was_said():
    """Names and summaries are other people's text; reasons go to the log."""
    for raw in ('{"type":"notify","summary":"hush', '{"type":"notify","seq":"hush","metadata":{}}', "hush"):
        frame = decode_frame(raw)
        assert isinstance(frame, MalformedFrame)
        assert "hush" not in frame.reason
    frame = decode_item({"seq": 1, "summary": "hush\ud800"})
    assert isinstance(frame, MalformedFrame)
    assert "hush" not in frame.reason


@pytest.mark.parametrize(
    "item",
    [
        None,
        [],
        "text",
        {},
        {"seq": None},
        {"seq": "1"},
        {"seq": True},
        {"seq": 2**53},
        {"seq": 1, "a": "\ud800"},
        {"seq": 1, "a": 10**5000},
    ],
    ids=lambda item: type(item).__name__ if not isinstance(item, dict) else None,
)
def test_item_that_breaks_the_contract_is_malformed_and_no_error(item):
    assert isinstance(decode_item(item), MalformedFrame)


@given(st.text() | st.text(alphabet=st.characters(exclude_categories=[])) | st.binary())
def test_decoding_never_raises(raw):
    assert isinstance(decode_frame(raw), FRAMES)


@given(
    st.dictionaries(
        st.sampled_from(["type", "seq", "fingerprint", "ts", "metadata", "oldest_seq", "x"]), json_values
    )
)
def test_decoding_an_object_never_raises(value):
    for kind in ("notify", "replay_overflow"):
        assert isinstance(decode_frame(json.dumps({**value, "type": kind})), FRAMES)
    assert isinstance(decode_frame(json.dumps(value)), FRAMES)


@given(json_values)
def test_decoding_an_item_never_raises(value):
    assert isinstance(decode_item(value), Notify | MalformedFrame)


@given(notifications)
def test_notification_survives_the_stream(frame):
    assert decode_frame(encode_notify(frame)) == frame


@given(notifications)
def test_notification_survives_an_http_drain_without_its_time(frame):
    said = {key: value for key, value in frame.metadata.items() if key != "seq"}
    frame = Notify(seq=frame.seq, fingerprint=fingerprint(said), ts=None, metadata=said)
    assert decode_item(encode_item(frame)) == frame


@given(seqs, seqs)
def test_overflow_survives_the_stream(since, oldest):
    frame = Overflow(since_seq=since, oldest_seq=oldest)
    assert decode_frame(encode_overflow(frame)) == frame


@given(seqs)
def test_resume_survives_the_stream(since):
    assert decode_resume(encode_resume(since)) == since


@given(metadata, st.randoms())
def test_fingerprint_ignores_the_order_of_keys(said, random):
    keys = list(said)
    random.shuffle(keys)
    print_ = fingerprint({key: said[key] for key in keys})
    assert print_ == fingerprint(said)
    assert re.fullmatch(r"[0-9a-f]{64}", print_)
