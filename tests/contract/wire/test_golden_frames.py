"""
Frames as the contract shows them, spelled by hand.

Source: contract 5.4 and 5.5. None of these texts came from our encoder, and each fingerprint is what
`sha256sum` says of `canonical`, the metadata with sorted keys, no blanks and non-ASCII unescaped: a mistake in
`codec.py`, which the local backend shares with us, cannot hide here.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest

from mycel_runtime.wire.codec import (
    decode_frame,
    decode_item,
    encode_item,
    encode_notify,
    encode_overflow,
    encode_resume,
    fingerprint,
)
from mycel_runtime.wire.frames import Notify, Overflow


@dataclass(frozen=True)
class Sample:
    """One notification: `metadata` in the server's own key order, `canonical` as it is fingerprinted."""

    event_type: str
    metadata: str
    canonical: str
    sha256: str
    chat_id: str | None = None
    message_seq: int | None = None


SAMPLES = {
    "chat.message": Sample(
        event_type="chat.message",
        metadata='{"event_type": "chat.message", "notification_type": "chat",'
        ' "chat_id": "0f7e1a52-6c1d-4f0e-9d52-1f2a6c7b8d90",'
        ' "message_id": "7b1c8a34-95aa-4d1e-8f0a-3c2b1a09f8e7", "message_seq": 4,'
        ' "sender_name": "Ada", "unread_count": 2}',
        canonical='{"chat_id":"0f7e1a52-6c1d-4f0e-9d52-1f2a6c7b8d90","event_type":"chat.message",'
        '"message_id":"7b1c8a34-95aa-4d1e-8f0a-3c2b1a09f8e7","message_seq":4,"notification_type":"chat",'
        '"sender_name":"Ada","unread_count":2}',
        sha256="becc14392e1c6c14d4b6543f15686956a644324f6d5458e8245ba2b677fa7b92",
        chat_id="0f7e1a52-6c1d-4f0e-9d52-1f2a6c7b8d90",
        message_seq=4,
    ),
    "chat.message of a name beyond ASCII, without a message": Sample(
        event_type="chat.message",
        metadata='{"event_type": "chat.message", "notification_type": "chat",'
        ' "chat_id": "0f7e1a52-6c1d-4f0e-9d52-1f2a6c7b8d90", "message_id": null, "message_seq": null,'
        ' "sender_name": "\\u5c0f\\u7ea2 Zo\\u00eb \\ud83c\\udf44", "unread_count": 1}',
        canonical='{"chat_id":"0f7e1a52-6c1d-4f0e-9d52-1f2a6c7b8d90","event_type":"chat.message",'
        '"message_id":null,"message_seq":null,"notification_type":"chat","sender_name":"小红 Zoë 🍄",'
        '"unread_count":1}',
        sha256="9f08086ee6515558b9271299782f2d5c056e7ad9066f3a766df55cad38dd7bda",
        chat_id="0f7e1a52-6c1d-4f0e-9d52-1f2a6c7b8d90",
    ),
    "relationship.requested": Sample(
        event_type="relationship.requested",
        metadata='{"event_type": "relationship.requested", "notification_type": "relationship",'
        ' "sender_id": "u-1", "sender_name": "Ada", "summary": "Ada asks to visit: \\"hello\\\\n\\"",'
        ' "relationship_id": "hire_visit:agent-7:u-1", "source": "external"}',
        canonical='{"event_type":"relationship.requested","notification_type":"relationship",'
        '"relationship_id":"hire_visit:agent-7:u-1","sender_id":"u-1","sender_name":"Ada",'
        '"source":"external","summary":"Ada asks to visit: \\"hello\\\\n\\""}',
        sha256="ba7ca71362cf78e5c59995d91b53ab7569fba06a74e452996869c2a4498400c3",
    ),
    "relationship.approved": Sample(
        event_type="relationship.approved",
        metadata='{"event_type": "relationship.approved", "notification_type": "relationship",'
        ' "sender_id": "u-1", "sender_name": "Ada", "summary": "Ada approved",'
        ' "relationship_id": "hire_visit:agent-7:u-1", "source": "external",'
        ' "event": "approve", "state": "visit"}',
        canonical='{"event":"approve","event_type":"relationship.approved","notification_type":"relationship",'
        '"relationship_id":"hire_visit:agent-7:u-1","sender_id":"u-1","sender_name":"Ada",'
        '"source":"external","state":"visit","summary":"Ada approved"}',
        sha256="fe1a5d5ff94c5241f6746bef1219c1d17e78b0558f86bfe77704a8a2fdbf2bdc",
    ),
    "relationship.rejected": Sample(
        event_type="relationship.rejected",
        metadata='{"event_type": "relationship.rejected", "notification_type": "relationship",'
        ' "sender_id": "u-1", "sender_name": "Ada", "summary": "Ada rejected",'
        ' "relationship_id": "hire_visit:agent-7:u-1", "source": "external",'
        ' "event": "reject", "state": "none"}',
        canonical='{"event":"reject","event_type":"relationship.rejected","notification_type":"relationship",'
        '"relationship_id":"hire_visit:agent-7:u-1","sender_id":"u-1","sender_name":"Ada",'
        '"source":"external","state":"none","summary":"Ada rejected"}',
        sha256="275ebe1eb810894ed0904236724e351e60ee2dc93caa8453ef1ba20d22dae24a",
    ),
    "chat.join.rejected": Sample(
        event_type="chat.join.rejected",
        metadata='{"event_type": "chat.join.rejected", "notification_type": "chat_join", "sender_id": "u-1",'
        ' "sender_name": "Ada", "summary": "Ada declined",'
        ' "chat_join_request_id": "chat_join:c-9:agent-7", "chat_id": "c-9", "state": "rejected",'
        ' "source": "external"}',
        canonical='{"chat_id":"c-9","chat_join_request_id":"chat_join:c-9:agent-7",'
        '"event_type":"chat.join.rejected","notification_type":"chat_join","sender_id":"u-1",'
        '"sender_name":"Ada","source":"external","state":"rejected","summary":"Ada declined"}',
        sha256="ed0963d929968c5a836c24670836f735adcca1794a6622a49993675c282f6929",
        chat_id="c-9",
    ),
    "chat.workflow.event": Sample(
        event_type="chat.workflow.event",
        metadata='{"event_type": "chat.workflow.event", "notification_type": "workflow_event",'
        ' "sender_id": "u-1", "sender_name": "Ada", "summary": "Review updated", "chat_id": "c-9",'
        ' "event_id": "3", "kind": "review", "operation": "updated", "actor_user_id": "u-1",'
        ' "resource_refs": [{"type": "file", "id": "doc-1"}], "state": "open", "state_version": 2,'
        ' "delivery_id": "workflow:c-9:3:2", "idempotency_key": "workflow:c-9:3:2",'
        ' "correlation_id": "workflow:c-9:3", "source": "external"}',
        canonical='{"actor_user_id":"u-1","chat_id":"c-9","correlation_id":"workflow:c-9:3",'
        '"delivery_id":"workflow:c-9:3:2","event_id":"3","event_type":"chat.workflow.event",'
        '"idempotency_key":"workflow:c-9:3:2","kind":"review","notification_type":"workflow_event",'
        '"operation":"updated","resource_refs":[{"id":"doc-1","type":"file"}],"sender_id":"u-1",'
        '"sender_name":"Ada","source":"external","state":"open","state_version":2,"summary":"Review updated"}',
        sha256="8afb03a098a78e3c1d24e6debd4ed67ed51bf701d489c0956329f36ff3927fb4",
        chat_id="c-9",
    ),
    "an event type of tomorrow": Sample(
        event_type="chat.reaction",
        metadata='{"event_type": "chat.reaction", "notification_type": "reaction",'
        ' "extra": {"b": "", "a": [true, null]}, "Zeta": 1.5}',
        canonical='{"Zeta":1.5,"event_type":"chat.reaction","extra":{"a":[true,null],"b":""},'
        '"notification_type":"reaction"}',
        sha256="ef34ae60f266a3559454973ab6c773246634260afea9cf803c428a3ca90876cc",
    ),
    "nothing said": Sample(
        event_type="",
        metadata="{}",
        canonical="{}",
        sha256="44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
    ),
}

every_sample = pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES.keys())


def on_the_stream(sample, seq=12):
    return (
        f'{{"type":"notify","seq":{seq},"fingerprint":"{sample.sha256}",'
        f'"ts":1746412345.67,"metadata":{sample.metadata}}}'
    )


@every_sample
def test_frame_is_understood(sample):
    frame = decode_frame(on_the_stream(sample))
    assert isinstance(frame, Notify)
    assert (frame.seq, frame.fingerprint, frame.ts) == (12, sample.sha256, 1746412345.67)
    assert (frame.event_type, frame.chat_id, frame.message_seq) == (
        sample.event_type,
        sample.chat_id,
        sample.message_seq,
    )


@every_sample
def test_no_field_of_the_metadata_is_lost(sample):
    frame = decode_frame(on_the_stream(sample))
    assert isinstance(frame, Notify)
    assert frame.metadata == json.loads(sample.canonical)


@every_sample
def test_fingerprint_is_the_servers(sample):
    assert fingerprint(json.loads(sample.metadata)) == sample.sha256


@every_sample
def test_binary_message_says_the_same(sample):
    """The server sends text only; a proxy that turns it into binary must not make us deaf."""
    text = on_the_stream(sample)
    assert decode_frame(text.encode()) == decode_frame(text)


@every_sample
def test_encoded_notification_is_the_contracts(sample):
    frame = Notify(seq=12, fingerprint=sample.sha256, ts=1746412345.67, metadata=json.loads(sample.metadata))
    encoded = encode_notify(frame)
    assert json.loads(encoded) == json.loads(on_the_stream(sample))
    assert list(json.loads(encoded)) == ["type", "seq", "fingerprint", "ts", "metadata"]


@every_sample
def test_item_of_an_http_drain_is_the_same_notification(sample):
    """Without fingerprint and `ts`: the fingerprint is computed over the item without its seq."""
    item = {"seq": 12, **json.loads(sample.metadata)}
    frame = decode_item(item)
    assert frame == Notify(seq=12, fingerprint=sample.sha256, ts=None, metadata=json.loads(sample.canonical))
    assert encode_item(frame) == item


@every_sample
def test_missing_fingerprint_is_computed(sample):
    frame = decode_frame(f'{{"type":"notify","seq":12,"metadata":{sample.metadata}}}')
    assert isinstance(frame, Notify)
    assert (frame.fingerprint, frame.ts) == (sample.sha256, None)


def test_overflow_is_understood_and_spelled():
    text = '{"type":"replay_overflow","since_seq":3,"oldest_seq":57}'
    assert decode_frame(text) == Overflow(since_seq=3, oldest_seq=57)
    assert encode_overflow(Overflow(since_seq=3, oldest_seq=57)) == text


@pytest.mark.parametrize("since_seq", [0, 7, -1, 2**53 + 1])
def test_resume_is_spelled(since_seq):
    assert encode_resume(since_seq) == f'{{"type":"resume","since_seq":{since_seq}}}'


def test_unknown_keys_beside_the_metadata_are_no_mistake():
    text = '{"type":"notify","seq":1,"fingerprint":"f","ts":2,"metadata":{},"version":9}'
    assert decode_frame(text) == Notify(seq=1, fingerprint="f", ts=2.0, metadata={})
