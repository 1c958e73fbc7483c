"""A response's bytes, in whatever pieces they come, held against what h11 says of them."""

from __future__ import annotations

import gc
import weakref

import h11
import httpx
import pytest

from mycel_runtime.sdk.http_message import MAX_HEAD_BYTES, ResponseReader, request_bytes

HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"

WHOLE = {
    "of a length": HEAD + b"X: a\r\nContent-Length: 2\r\n\r\nok",
    "blanks around a value": HEAD + b"X:  a b \t\r\nContent-Length: 2 \r\n\r\nok",
    "lines without a CR": HEAD.replace(b"\r", b"") + b"X: a\nContent-Length: 2\n\nok",
    "an empty value": HEAD + b"X:\r\nContent-Length: 2\r\n\r\nok",
    "twice the same header": HEAD + b"X: a\r\nX: b\r\nContent-Length: 2\r\n\r\nok",
    "a value that is no ASCII": HEAD + "X: ö\r\nContent-Length: 2\r\n\r\nok".encode(),
    "a reason that is no ASCII": "HTTP/1.1 200 Gut ö\r\nContent-Length: 2\r\n\r\nok".encode(),
    "no reason": b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok",
    "an odd status": b"HTTP/1.1 999 Odd\r\nContent-Length: 2\r\n\r\nok",
    "chunks": CHUNKED + b"1;why=not\r\no\r\n1\r\nk\r\n0\r\nX: later\r\n\r\n",
    "chunks and a length": HEAD
    + b"Transfer-Encoding: chunked\r\nContent-Length: 9\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "chunks in capitals": HEAD + b"TRANSFER-ENCODING: Chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "until the connection ends": HEAD + b"X: a\r\n\r\nok",
    "of HTTP/1.0": b"HTTP/1.0 200 OK\r\n\r\nok",
    "the last one": HEAD + b"Connection: close\r\nContent-Length: 2\r\n\r\nok",
    "nothing": b"HTTP/1.1 204 No Content\r\nX: a\r\n\r\n",
    "not modified": b"HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\n",
    "another protocol is wanted": b"HTTP/1.1 426 Upgrade Required\r\n"
    b"Upgrade: websocket\r\nConnection: Upgrade\r\nContent-Length: 2\r\n\r\nok",
    "news before it": b"HTTP/1.1 100 Continue\r\nX: no\r\n\r\nHTTP/1.1 103 Early Hints\r\nX: no\r\n\r\n"
    + HEAD
    + b"Content-Length: 2\r\n\r\nok",
}

BROKEN = {
    "nothing": b"",
    "half a head": HEAD + b"X: a",
    "news only": b"HTTP/1.1 100 Continue\r\n\r\n",
    "too short": HEAD + b"Content-Length: 3\r\n\r\nok",
    "too short a chunk": CHUNKED + b"3\r\nok",
    "no last chunk": CHUNKED + b"2\r\nok\r\n",
    "a chunk of no size": CHUNKED + b"zz\r\nok\r\n0\r\n\r\n",
    "a chunk of any size": CHUNKED + b"f" * 30 + b"\r\nok",
    "no number": HEAD + b"Content-Length: -2\r\n\r\nok",
    "an empty number": HEAD + b"Content-Length:\r\n\r\nok",
    "any number": HEAD + b"Content-Length: " + b"9" * 30 + b"\r\n\r\nok",
    "two lengths": HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nok",
    "another coding": HEAD + b"Transfer-Encoding: gzip\r\n\r\nok",
    "two codings": HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "another protocol": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\nok",
    "another version": b"HTTP/2 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "no HTTP": b"SSH-2.0-OpenSSH_9.2\r\n",
    "a line without a name": HEAD + b"abc\r\nContent-Length: 2\r\n\r\nok",
    "a blank in a name": HEAD + b"X Y: a\r\nContent-Length: 2\r\n\r\nok",
    "a blank after a name": HEAD + b"X : a\r\nContent-Length: 2\r\n\r\nok",
    "a zero byte": HEAD + b"X: a\0b\r\nContent-Length: 2\r\n\r\nok",
    "a status too short": b"HTTP/1.1 99 Low\r\nContent-Length: 2\r\n\r\nok",
}


def by_h11(raw):
    """Status, reason, headers, content, and whether the connection may be used again, by another parser."""
    connection = h11.Connection(h11.CLIENT)
    connection.send(h11.Request(method="GET", target="/", headers=[("Host", "x")]))
    connection.send(h11.EndOfMessage())
    connection.receive_data(raw)
    head, content, is_ended = None, b"", False
    while True:
        match connection.next_event():
            case h11.Response() as head:
                pass
            case h11.Data(data=data):
                content += bytes(data)
            case h11.EndOfMessage():
                break
            case event if event is h11.NEED_DATA:
                assert not is_ended
                connection.receive_data(b"")
                is_ended = True
    may_stay = connection.their_state is h11.DONE and not is_ended
    return head.status_code, bytes(head.reason), comparable(head.headers.raw_items()), content, may_stay


def comparable(headers):
    """h11 writes codings in small letters."""
    return [(name, value.lower() if value == b"Chunked" else value) for name, value in headers]


def by_ours(pieces):
    reader = ResponseReader()
    content = b""
    for piece in pieces:
        reader.feed(piece)
        content += reader.take()
        if reader.is_complete:
            break
    else:
        reader.feed(b"")
    while more := reader.take():
        content += more
    assert reader.is_complete
    return reader.status, reader.reason, comparable(reader.headers), content, reader.is_reusable


def in_pieces(raw, size):
    return [raw[start : start + size] for start in range(0, len(raw), size)]


@pytest.mark.parametrize("size", [1, 2, 7, 10_000])
@pytest.mark.parametrize("raw", WHOLE.values(), ids=WHOLE.keys())
def test_a_response_is_what_another_parser_says(raw, size):
    assert by_ours(in_pieces(raw, size)) == by_h11(raw)


@pytest.mark.parametrize("size", [1, 10_000])
@pytest.mark.parametrize("raw", BROKEN.values(), ids=BROKEN.keys())
def test_what_another_parser_refuses_is_refused(raw, size):
    with pytest.raises((h11.RemoteProtocolError, AssertionError)):
        by_h11(raw)
    with pytest.raises(httpx.RemoteProtocolError):
        by_ours(in_pieces(raw, size))


@pytest.mark.parametrize(
    "raw",
    [
        HEAD + b"X: a\r\n  b\r\nContent-Length: 2\r\n\r\nok",
        HEAD + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\nok",
        HEAD + b"Content-Length: 2, 2\r\n\r\nok",
    ],
    ids=["a folded line", "a length twice", "a list of one length"],
)
def test_what_may_be_refused_is_an_error_and_nothing_else(raw):
    """h11 takes these; RFC 9112 lets a recipient refuse them (5.2 for all but user agents, 6.3)."""
    with pytest.raises(httpx.RemoteProtocolError):
        by_ours([raw])


@pytest.mark.parametrize("surplus", [b"HTTP/1.1 200 OK\r\n", b"junk", WHOLE["of a length"], b"HTTP/1.1 1"])
def test_what_nobody_asked_for_ends_the_connection_and_not_the_answer(surplus):
    status, _, headers, content, is_reusable = by_ours([WHOLE["of a length"] + surplus])
    assert (status, content, is_reusable) == (200, b"ok", False)
    assert headers == [(b"X", b"a"), (b"Content-Length", b"2")]


def test_a_connection_of_http_1_0_may_stay_if_the_server_says_so():
    """Source: RFC 9112, 9.3; h11 never lets it."""
    raw = b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok"
    assert by_ours([raw])[3:] == (b"ok", True)


ENDLESS = {
    "a header": (HEAD + b"X: ", b"y" * 1000),
    "headers": (HEAD, b"X: y\r\n" * 200),
    "news": (b"", b"HTTP/1.1 103 Early Hints\r\n\r\n" * 40),
    "a reason": (b"HTTP/1.1 200 ", b"O" * 1000),
    "what comes with a chunk": (CHUNKED + b"2;", b"y" * 1000),
    "a line behind the last chunk": (CHUNKED + b"2\r\nok\r\n0\r\nX: ", b"y" * 1000),
    "lines behind the last chunk": (CHUNKED + b"2\r\nok\r\n0\r\n", b"X: y\r\n" * 200),
}


@pytest.mark.parametrize(("begin", "more"), ENDLESS.values(), ids=ENDLESS.keys())
def test_nothing_but_content_is_without_bound(begin, more):
    pieces = [begin, *[more] * (MAX_HEAD_BYTES // len(more) + 1)]
    with pytest.raises(httpx.RemoteProtocolError, match="more than"):
        by_ours(filter(None, pieces))


def test_content_has_no_bound_here():
    reader = ResponseReader()
    reader.feed(CHUNKED)
    for _ in range(5 * MAX_HEAD_BYTES // 1000):
        reader.feed(b"3e8\r\n" + b"y" * 1000 + b"\r\n")
        assert reader.take() == b"y" * 1000


def test_a_response_that_was_read_is_no_garbage():
    """The daemon looks for garbage rarely; a cycle in each answer would stay for a long time."""
    gc.disable()
    try:
        reader = ResponseReader()
        reader.feed(WHOLE["of a length"])
        gone = weakref.ref(reader)
        del reader
        assert gone() is None
    finally:
        gc.enable()


@pytest.mark.parametrize("value", [b"a\r\nX: b", b"a\nb", b"a\rb", b"a\0b"])
def test_a_header_with_a_line_end_is_not_written(value):
    request = httpx.Request("GET", "http://h/", headers=[(b"X", value)])
    with pytest.raises(httpx.LocalProtocolError):
        request_bytes(request)


def test_a_request_is_head_and_content_in_one_piece():
    request = httpx.Request("POST", "http://h:1/a?b=c", headers={"X": "y"}, content=b"\r\n\0")
    assert request_bytes(request) == (
        b"POST /a?b=c HTTP/1.1\r\nHost: h:1\r\nX: y\r\nContent-Length: 3\r\n\r\n\r\n\0"
    )
