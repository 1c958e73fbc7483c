"""What others than the page's own reader try on its routes: all refused, and the agent answers as before."""

from __future__ import annotations

import contextlib
import json
import re
import select
import socket
import threading

import pytest

from mycel_runtime.daemon.http.connection import CONNECTIONS
from mycel_runtime.daemon.http.guard import HEADERS
from tests.acceptance.conftest import until
from tests.integration.http.raw import SECONDS, ask, exchange, post

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]

OVERVIEW = "/page/overview"
RETRY = "/page/agents/agent/retry"
LETTER = json.dumps({"dead_letter_id": 1}).encode()
JSON = {"Content-Type": "application/json"}


def own(stage):
    return "http://{}:{}".format(*stage.address)


def bearer(stage):
    return {"Authorization": f"Bearer {stage.token}"}


REFUSED = {
    # A name of the attacker's that is now this machine's address: rebinding.
    "a name that was rebound": ("GET", OVERVIEW, {"Host": "evil.example:{port}"}, b"", 421),
    "a name that begins like ours": ("GET", OVERVIEW, {"Host": "127.0.0.1.evil.example:{port}"}, b"", 421),
    "another port": ("GET", OVERVIEW, {"Host": "127.0.0.1:1"}, b"", 421),
    "two hosts": ("GET", OVERVIEW, {"Host": ["127.0.0.1:{port}", "evil.example"]}, b"", 400),
    "a host in the target": ("GET", "http://evil.example/page/overview", {}, b"", 404),
    # A script of another site, and what a browser says of it.
    "another site reads": ("GET", OVERVIEW, {"Sec-Fetch-Site": "cross-site"}, b"", 403),
    "another port of this machine reads": ("GET", OVERVIEW, {"Sec-Fetch-Site": "same-site"}, b"", 403),
    "another site embeds": (
        "GET",
        "/",
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"},
        b"",
        403,
    ),
    "another site opens the log": ("GET", "/page/events", {"Origin": "http://evil.example"}, b"", 403),
    "another origin acts": ("POST", RETRY, {**JSON, "Origin": "http://evil.example"}, LETTER, 403),
    "another origin is sandboxed": ("POST", RETRY, {**JSON, "Origin": "null"}, LETTER, 403),
    "two origins": ("POST", RETRY, {**JSON, "Origin": ["{own}", "http://evil.example"]}, LETTER, 403),
    "a form of another site": (
        "POST",
        RETRY,
        {"Content-Type": "text/plain", "Origin": "http://evil.example", "Sec-Fetch-Site": "cross-site"},
        LETTER,
        403,
    ),
    "a form": ("POST", RETRY, {"Content-Type": "application/x-www-form-urlencoded"}, b"a=b", 415),
    # Changes without the token, and by methods that change nothing.
    "without a token": ("POST", RETRY, {**JSON, "Origin": "{own}"}, LETTER, 401),
    "with a forged session": (
        "POST",
        RETRY,
        {**JSON, "Origin": "{own}", "Cookie": "mycel_runtime_page=a"},
        LETTER,
        401,
    ),
    "by a read": ("GET", RETRY, {}, b"", 405),
    "by a read with the token": ("GET", RETRY + "?dead_letter_id=1", {"Authorization": "{bearer}"}, b"", 405),
    "by another method": ("PUT", RETRY, {**JSON, "Authorization": "{bearer}"}, LETTER, 405),
    "a verb that is not for the page": (
        "POST",
        "/page/agents/agent/clear",
        {**JSON, "Authorization": "{bearer}"},
        b'{"plugin":"tried"}',
        404,
    ),
    "arguments that are not the verb's": (
        "POST",
        RETRY,
        {**JSON, "Authorization": "{bearer}"},
        b'{"dead_letter_id":"1"}',
        422,
    ),
    "nonsense": ("POST", RETRY, {**JSON, "Authorization": "{bearer}"}, b"[" * 4000, 422),
    # Too much.
    "a long body": ("POST", "/page/session", JSON, b" " * 5000, 413),
    "a body longer than it is": (
        "POST",
        "/page/session",
        {**JSON, "Content-Length": "99999999999"},
        b"{}",
        413,
    ),
    "a body without end": (
        "POST",
        "/page/session",
        {**JSON, "Content-Length": [], "Transfer-Encoding": "chunked"},
        b"1000\r\n" + b" " * 4096 + b"\r\n" + b"1000\r\n" + b" " * 4096 + b"\r\n0\r\n\r\n",
        413,
    ),
    "a long head": ("GET", OVERVIEW, {"X-Long": "a" * 20_000}, b"", 431),
    "a long path": ("GET", "/" + "a" * 20_000, {}, b"", 431),
    # Files that are not the page's.
    "a path upwards": ("GET", "/../routes.py", {}, b"", 404),
    "a path upwards in code": ("GET", "/%2e%2e/%2e%2e/etc/passwd", {}, b"", 404),
    "a path upwards behind a file": ("GET", "/page.css/..%2f..%2froutes.py", {}, b"", 404),
    "a path with a NUL": ("GET", "/page.css%00.py", {}, b"", 404),
    "the control socket's verbs": ("POST", "/admin/dead", {**JSON, "Authorization": "{bearer}"}, b"{}", 404),
    "the tools": ("POST", "/tools/chats", {**JSON, "Authorization": "{bearer}"}, b"{}", 404),
}


@pytest.mark.parametrize("attack", REFUSED)
def test_what_is_not_the_pages_own_is_refused(stage, attack):
    method, path, headers, body, status = REFUSED[attack]
    names = {
        "{port}": str(stage.address[1]),
        "{own}": own(stage),
        "{bearer}": f"Bearer {stage.token}",
    }

    def filled(text):
        for name, value in names.items():
            text = text.replace(name, value)
        return text

    wanted = {
        name: filled(value) if isinstance(value, str) else [filled(each) for each in value]
        for name, value in headers.items()
    }
    answer = ask(stage.address, method, path, wanted, body)

    assert answer.status == status, answer
    assert "access-control-allow-origin" not in answer.headers
    assert "set-cookie" not in answer.headers
    assert len(answer.body) < 100
    assert ask(stage.address, path="/livez").status == 200


def test_a_link_from_another_site_opens_the_page_and_reads_nothing(stage):
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}

    assert ask(stage.address, path="/", headers=link).status == 200
    assert ask(stage.address, path=OVERVIEW, headers=link).status == 403


def test_every_answer_says_how_a_browser_is_to_take_it(stage):
    for path, headers in (
        ("/", {}),
        ("/page.js", {}),
        (OVERVIEW, {}),
        ("/nothing", {}),
        ("/", {"Host": "evil"}),
    ):
        answer = ask(stage.address, path=path, headers=headers)
        assert {name: answer.headers.get(name.lower()) for name in HEADERS} == HEADERS
        assert "server" not in answer.headers


def test_nothing_in_the_page_is_inline_or_from_elsewhere(stage):
    page = ask(stage.address).body.decode()

    assert "style=" not in page
    assert " on" + "click" not in page
    for script in page.split("<script")[1:]:
        assert script.split(">")[1].startswith("</script"), script
    for asset in ("/page.css", "/page.js", "/elements.js", "/charts.js", "/icon.svg"):
        text = ask(stage.address, path=asset).body.decode()
        assert text.strip()
        assert "innerHTML" not in text
        assert re.findall(r"https?://(?!www\.w3\.org/2000/svg)|url\(|@import", text) == []


def test_a_flood_of_connections_ends_nothing(stage):
    """Those over the bound are cut off; the agent answers meanwhile, and the page when they have gone."""
    before = len(stage.process.events("unhandled_error.raised"))
    with contextlib.ExitStack() as stack:
        crowd = []
        for _ in range(3 * CONNECTIONS):
            with contextlib.suppress(OSError):
                crowd.append(stack.enter_context(socket.create_connection(stage.address, SECONDS)))
        for each in crowd:
            with contextlib.suppress(OSError):
                each.sendall(b"GET /page/overview HTTP/1.1\r\n")
        assert stage.answered("in the crowd")
        assert until(lambda: len(crowd) - len(_cut(crowd)) <= CONNECTIONS)
    assert until(lambda: _status(stage) == 200)
    assert stage.agent()["ready"]
    assert len(stage.process.events("unhandled_error.raised")) == before


def _cut(crowd):
    """Those that can be read: nothing but an end can come."""
    readable = select.poll()
    for each in crowd:
        readable.register(each, select.POLLIN)
    return readable.poll(0)


def _status(stage):
    with contextlib.suppress(OSError):
        return ask(stage.address, path="/livez").status
    return 0


def test_logs_that_stay_open_are_bounded(stage):
    with contextlib.ExitStack() as stack:
        statuses = []
        for _ in range(20):
            connection = stack.enter_context(socket.create_connection(stage.address, SECONDS))
            connection.sendall(
                f"GET /page/events HTTP/1.1\r\nHost: 127.0.0.1:{stage.address[1]}\r\n\r\n".encode()
            )
            statuses.append(connection.recv(12))
        assert statuses.count(b"HTTP/1.1 200") == 16
        assert statuses.count(b"HTTP/1.1 503") == 4
        assert stage.answered("while many read the log")
    assert until(lambda: ask(stage.address, "HEAD", "/page/events").status == 200)


def test_requests_from_many_threads_leave_the_agent_as_it_was(stage):
    done = threading.Event()
    failures = []

    def storm():
        while not done.is_set():
            try:
                exchange(
                    stage.address, b"GET /status HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n"
                )
            except OSError as exc:
                failures.append(exc)

    threads = [threading.Thread(target=storm) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        assert stage.answered("in the storm")
    finally:
        done.set()
        for thread in threads:
            thread.join(SECONDS)
    assert failures == []
    assert stage.process.popen.poll() is None


def test_a_session_does_not_act_for_a_request_that_says_not_where_it_comes_from(stage):
    """Cookies go to every port of a host: another server here may have it, and is no browser."""
    opened = post(stage.address, "/page/session", {"token": stage.token})
    cookie = opened.headers["set-cookie"].split(";")[0]

    answer = ask(stage.address, "POST", RETRY, {**JSON, "Cookie": cookie}, LETTER)

    assert answer.status == 401
