"""What a proxy may answer to whoever wants through it, in whatever pieces."""

from __future__ import annotations

import httpx
import pytest

from mycel_runtime.sdk.socks import socks_steps
from mycel_runtime.sdk.tunnel import connect_steps

CREDENTIALS = ("me", "pässword")


def written(steps, answers):
    """What is written until the way is open, each piece of an answer coming by itself."""
    pieces = iter(answers)
    found = [next(steps)]
    try:
        while True:
            found.append(steps.send(next(pieces, b"")))
    except StopIteration:
        assert not list(pieces)
        return [piece for piece in found if piece]


def bytes_of(*answers):
    """One by one."""
    return [bytes([byte]) for byte in b"".join(answers)]


def test_connect_asks_for_the_place_and_shows_its_headers():
    (asked,) = written(
        connect_steps("h.test", 443, [(b"Proxy-Authorization", b"Basic eA==")]),
        bytes_of(b"HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\n"),
    )
    assert asked == (
        b"CONNECT h.test:443 HTTP/1.1\r\nHost: h.test:443\r\nAccept: */*\r\nProxy-Authorization: Basic eA==\r\n\r\n"
    )


def test_connect_to_an_address_of_ipv6():
    (asked,) = written(connect_steps("::1", 8042, []), [b"HTTP/1.1 200 OK\r\n\r\n"])
    assert asked.startswith(b"CONNECT [::1]:8042 HTTP/1.1\r\nHost: [::1]:8042\r\n")


@pytest.mark.parametrize("status", ["407 Proxy Authentication Required", "502 Bad Gateway", "302 Found"])
def test_connect_refused_is_told_by_its_status(status):
    with pytest.raises(httpx.ProxyError, match=f"^{status}$"):
        written(connect_steps("h", 443, []), bytes_of(f"HTTP/1.1 {status}\r\n\r\n".encode()))


@pytest.mark.parametrize("answer", [[], [b"HTTP/1.1 200 OK\r\n"], [b"220 mail.test ESMTP\r\n"]])
def test_connect_answered_by_no_proxy(answer):
    with pytest.raises(httpx.RemoteProtocolError):
        written(connect_steps("h", 443, []), answer)


DONE = b"\x05\x00\x00"
FOUND = {
    "IPv4": DONE + b"\x01" + bytes(6),
    "IPv6": DONE + b"\x04" + bytes(18),
    "a name": DONE + b"\x03\x04test" + bytes(2),
}


@pytest.mark.parametrize("found", FOUND.values(), ids=FOUND.keys())
def test_socks_lets_the_proxy_look_the_name_up(found):
    asked = written(socks_steps("h.test", 443, None), bytes_of(b"\x05\x00", found))
    assert asked == [b"\x05\x01\x00", b"\x05\x01\x00\x03\x06h.test\x01\xbb"]


@pytest.mark.parametrize(
    ("host", "packed"), [("127.0.0.1", b"\x01\x7f\0\0\1"), ("::1", b"\x04" + bytes(15) + b"\1")]
)
def test_socks_to_an_address(host, packed):
    _, asked = written(socks_steps(host, 80, None), bytes_of(b"\x05\x00", FOUND["IPv4"]))
    assert asked == b"\x05\x01\x00" + packed + b"\x00\x50"


def test_socks_shows_its_credentials():
    asked = written(socks_steps("h", 80, CREDENTIALS), bytes_of(b"\x05\x02", b"\x01\x00", FOUND["IPv4"]))
    assert asked[:2] == [b"\x05\x01\x02", b"\x01\x02me\x09" + "pässword".encode()]


@pytest.mark.parametrize(
    ("credentials", "answers", "words"),
    [
        (None, [b"\x05\x02"], "it wants username password, not no auth required"),
        (None, [b"\x05\xff"], "it wants no acceptable methods, not no auth required"),
        (CREDENTIALS, [b"\x05\x02", b"\x01\x01"], "Invalid username/password"),
        (
            None,
            [b"\x05\x00", b"\x05\x05\x00\x01" + bytes(6)],
            "Proxy Server could not connect: Connection refused.",
        ),
        (None, [b"\x05\x00", b"\x05\x02\x00\x01" + bytes(6)], "Connection not allowed by ruleset."),
        (None, [], "it hung up"),
        (None, [b"\x05"], "it hung up"),
        (None, [b"\x05\x00", DONE], "it hung up"),
        (None, [b"HTTP/1.1 400 Bad Request\r\n"], "it does not speak SOCKS 5"),
        (None, [b"\x05\x00", b"\x05\x63\x00\x01" + bytes(6)], "it does not speak SOCKS 5"),
        (None, [b"\x05\x00", b"\x05\x00\x00\x07" + bytes(9)], "it does not speak SOCKS 5"),
        (("me", "x" * 256), [b"\x05\x02"], "it takes no user or password of more than 255 bytes"),
    ],
)
def test_socks_refused_is_told_in_words(credentials, answers, words):
    with pytest.raises(httpx.ProxyError) as caught:
        written(socks_steps("h", 80, credentials), answers)
    assert words in str(caught.value)
