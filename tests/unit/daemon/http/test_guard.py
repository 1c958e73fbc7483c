"""Which requests are meant for the page: under which names, from where, and from how far away."""

from __future__ import annotations

import pytest

from mycel_runtime.daemon.http.guard import Guard, Request

HERE = Guard("127.0.0.1:8099", ["ops.example.org"])
EVERYWHERE = Guard("0.0.0.0:8099", ["ops.example.org"], is_loopback=False)
SIX = Guard("[::1]:8099")
PORT_80 = Guard("127.0.0.1:80")


def request(host, method="GET", path="/page/overview", **headers):
    pairs = [("host", host)] + [(name.replace("_", "-"), value) for name, value in headers.items()]
    return Request(method, path, tuple(pairs))


@pytest.mark.parametrize(
    ("guard", "host", "status"),
    [
        (HERE, "127.0.0.1:8099", None),
        (HERE, "LOCALHOST:8099", None),
        (HERE, "[::1]:8099", None),
        (HERE, "ops.example.org", None),
        (HERE, "127.0.0.1", 421),
        (HERE, "127.0.0.2:8099", 421),
        (HERE, "ops.example.org:8099", 421),
        (HERE, "ops.example.org.evil.example", 421),
        (HERE, "", 421),
        (SIX, "[::1]:8099", None),
        (SIX, "::1:8099", 421),
        (PORT_80, "localhost", None),
        (PORT_80, "localhost:80", None),
        # An address cannot be rebound, and which of them are this machine's is not known here.
        (EVERYWHERE, "192.0.2.7:8099", None),
        (EVERYWHERE, "[2001:db8::7]:8099", None),
        (EVERYWHERE, "192.0.2.7:80", 421),
        (EVERYWHERE, "192.0.2.7", 421),
        (EVERYWHERE, "evil.example:8099", 421),
        (EVERYWHERE, "ops.example.org", None),
    ],
)
def test_only_names_of_the_listener_are_answered(guard, host, status):
    refusal = guard.refusal(request(host))

    assert (refusal and refusal.status) == status


@pytest.mark.parametrize(
    ("guard", "asked", "is_local"),
    [
        (HERE, request("127.0.0.1:8099"), True),
        (HERE, request("ops.example.org"), False),
        (HERE, request("127.0.0.1:8099", x_forwarded_for="192.0.2.7"), False),
        (HERE, request("127.0.0.1:8099", forwarded="for=192.0.2.7"), False),
        (HERE, request("127.0.0.1:8099", via="1.1 proxy"), False),
        (EVERYWHERE, request("127.0.0.1:8099"), False),
        (EVERYWHERE, request("192.0.2.7:8099"), False),
    ],
)
def test_who_may_look_without_a_token_is_on_this_machine(guard, asked, is_local):
    assert guard.is_local(asked) is is_local


@pytest.mark.parametrize(
    ("host", "origin", "status"),
    [
        ("127.0.0.1:8099", "http://127.0.0.1:8099", None),
        ("127.0.0.1:8099", "http://localhost:8099", 403),
        ("127.0.0.1:8099", "https://127.0.0.1:8099", 403),
        ("127.0.0.1:8099", "http://127.0.0.1:3000", 403),
        ("127.0.0.1:8099", "https://ops.example.org", 403),
        ("ops.example.org", "https://ops.example.org", None),
        ("ops.example.org", "http://127.0.0.1:8099", 403),
        ("ops.example.org", "https://evil.example", 403),
    ],
)
def test_a_change_comes_from_the_origin_that_is_asked(host, origin, status):
    asked = request(host, "POST", origin=origin, content_type="application/json; charset=utf-8")

    refusal = HERE.refusal(asked)

    assert (refusal and refusal.status) == status


@pytest.mark.parametrize(
    ("site", "mode", "dest", "path", "method", "status"),
    [
        ("same-origin", "cors", "empty", "/page/overview", "GET", None),
        ("same-origin", "cors", "empty", "/page/session", "POST", None),
        ("none", "navigate", "document", "/status", "GET", None),
        ("none", "navigate", "document", "/page/session", "POST", 403),
        ("same-site", "cors", "empty", "/page/overview", "GET", 403),
        ("cross-site", "navigate", "document", "/", "GET", None),
        ("cross-site", "navigate", "document", "/status", "GET", 403),
        ("cross-site", "navigate", "iframe", "/", "GET", 403),
        ("cross-site", "no-cors", "image", "/icon.svg", "GET", 403),
        ("cross-site", "navigate", "document", "/page/session", "POST", 403),
    ],
)
def test_other_sites_may_only_link_to_the_page(site, mode, dest, path, method, status):
    headers = {"sec_fetch_site": site, "sec_fetch_mode": mode, "sec_fetch_dest": dest}
    asked = request("127.0.0.1:8099", method, path, content_type="application/json", **headers)

    refusal = HERE.refusal(asked)

    assert (refusal and refusal.status) == status


def test_a_cookie_changes_nothing_for_who_is_no_browser():
    host = "127.0.0.1:8099"
    assert HERE.may_use_cookie(request(host))
    assert not HERE.may_use_cookie(request(host, "POST"))
    assert HERE.may_use_cookie(request(host, "POST", origin="http://127.0.0.1:8099"))
