"""What is taken out before the library is what the library would have read, in its order."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.server import ServerProtocol
from websockets.uri import parse_uri

from mycel_runtime.sdk.text_frames import TextFrames
from mycel_runtime.wire.limits import FRAME_BYTES

SIZES = [0, 1, 125, 126, 127, 300, 65_535, 65_536]


def frame(opcode, size=3, *, fin=True, mask=False):
    return Frame(opcode, b"x" * size, fin=fin).serialize(mask=mask)


def parts(middle):
    return frame(Opcode.TEXT, fin=False) + middle + frame(Opcode.CONT, fin=False) + frame(Opcode.CONT)


def header(length):
    return b"\x81\x7f" + length.to_bytes(8, "big")


WRONG = {
    "masked": frame(Opcode.TEXT, mask=True),
    "too large": header(FRAME_BYTES + 1),
    "far too large": header(2**64 - 1),
    "reserved bit": b"\xc1\x01x",
    "no opcode": b"\x83\x01x",
    "continues nothing": frame(Opcode.CONT),
    "text within parts": frame(Opcode.TEXT, fin=False) + frame(Opcode.TEXT),
    "long ping": b"\x89\x7e\x00\x80" + b"x" * 128,
    "goodbye": Frame(Opcode.CLOSE, b"\x03\xe8bye").serialize(mask=False),
}

WHOLE = st.one_of(
    st.sampled_from(SIZES).map(lambda size: frame(Opcode.TEXT, size)),
    st.sampled_from(SIZES).map(lambda size: frame(Opcode.BINARY, size)),
    st.sampled_from([frame(Opcode.PING), frame(Opcode.PONG, 0)]),
    st.sampled_from([b"", frame(Opcode.PING)]).map(parts),
)


def client():
    """A client that waits for its answer, and the answer."""
    protocol = ClientProtocol(parse_uri("ws://x/"), max_size=FRAME_BYTES)
    protocol.send_request(protocol.connect())
    server = ServerProtocol()
    server.receive_data(b"".join(protocol.data_to_send()))
    server.send_response(server.accept(server.events_received()[0]))
    return protocol, b"".join(server.data_to_send())


def outcome(protocol, events):
    """All that came, and whether it is over; the library's events have come one after the other."""
    heard = [(each.opcode, bytes(each.data), each.fin) for each in events if isinstance(each, Frame)]
    sent = b"".join(protocol.data_to_send())
    return heard, protocol.state, len(sent), str(protocol.parser_exc)


def by_the_library(chunks_of):
    protocol, answer = client()
    for chunk in chunks_of(answer):
        protocol.receive_data(chunk)
    return outcome(protocol, protocol.events_received())


def with_texts_taken_out(chunks_of):
    protocol, answer = client()
    texts, events, taken = TextFrames(), [], 0
    for chunk in chunks_of(answer):
        for part in texts.split(chunk):
            if isinstance(part, list):
                events += part
                taken += len(part)
                continue
            protocol.receive_data(part)
            events += protocol.events_received()
            if not texts.in_handshake and protocol.state is not State.OPEN:
                texts.pass_on()
    return outcome(protocol, events), taken


def cut(data, places):
    bounds = [0, *sorted({place % (len(data) + 1) for place in places}), len(data)]
    return [data[begin:end] for begin, end in itertools.pairwise(bounds)]


@given(
    st.lists(WHOLE, max_size=12),
    st.sampled_from([b"", *WRONG.values()]),
    st.lists(WHOLE, max_size=3),
    st.lists(st.integers(0, 2**20), max_size=12),
)
def test_nothing_is_read_otherwise_than_by_the_library(before, wrong, after, places):
    data = b"".join(before) + wrong + b"".join(after)

    def chunks_of(answer):
        return cut(answer + data, places)

    assert with_texts_taken_out(chunks_of)[0] == by_the_library(chunks_of)


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_refused_by_the_library_byte_by_byte(wrong):
    data = frame(Opcode.TEXT) + wrong + frame(Opcode.TEXT)

    def chunks_of(answer):
        return [bytes([byte]) for byte in answer + data]

    found, taken = with_texts_taken_out(chunks_of)

    assert found == by_the_library(chunks_of)
    assert found[1] is State.CLOSING
    assert taken == 1


def test_texts_are_taken_out_wherever_they_are_cut():
    """Else the test above would hold for something that takes nothing."""
    texts = [frame(Opcode.TEXT, size) for size in SIZES]

    for place in range(1, 700, 7):
        assert with_texts_taken_out(lambda answer, at=place: cut(answer + b"".join(texts), [at]))[1] == len(
            SIZES
        )


def test_a_refusal_is_the_librarys_to_the_end():
    protocol, _ = client()
    texts = TextFrames()
    body = frame(Opcode.TEXT) * 3
    answer = b"HTTP/1.1 403 Forbidden\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    for byte in answer:
        for part in texts.split(bytes([byte])):
            assert isinstance(part, bytes)
            protocol.receive_data(part)
            if not texts.in_handshake and protocol.state is not State.OPEN:
                texts.pass_on()

    (response,) = protocol.events_received()
    assert (response.status_code, response.body) == (403, body)
