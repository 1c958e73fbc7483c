"""The page's token: what it opens, and that neither it nor anybody's words are ever shown."""

from __future__ import annotations

import ast
import json
import secrets
import socket
from pathlib import Path

import pytest

from tests.acceptance.conftest import until
from tests.integration.http.conftest import NAME
from tests.integration.http.raw import SECONDS, ask, post

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]

ROOT = Path(__file__).parents[3]
JSON = {"Content-Type": "application/json"}


def session(stage):
    answer = post(stage.address, "/page/session", {"token": stage.token})
    assert answer.status == 200
    return answer.headers["set-cookie"]


def letters(stage):
    return [each["id"] for each in stage.agent()["dead_letters"]]


def failed(stage, text):
    """The number of the dead letter that this has become."""
    before = max(letters(stage), default=0)
    stage.say(text)
    return until(lambda: next((number for number in letters(stage) if number > before), None))


def acted(stage):
    """What its log says of the page so far."""
    return [(each["agent"], each["verb"], each["subject"]) for each in stage.process.events("page.acted")]


def test_with_the_token_a_dead_letter_is_tried_again_and_dropped(stage):
    canary = secrets.token_hex(8)
    letter = failed(stage, f"fail {canary}")
    cookie = session(stage)
    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= {part.strip() for part in cookie.split(";")}
    assert stage.token not in cookie

    (stage.folder / "mended").touch()
    signed_in = {"Cookie": cookie.split(";")[0]}
    answer = post(stage.address, "/page/agents/agent/retry", {"dead_letter_id": letter}, **signed_in)
    assert (answer.status, answer.json) == (200, {"done": True})
    assert until(lambda: f"heard: fail {canary}" in stage.texts())
    assert until(lambda: letter not in letters(stage))
    assert until(lambda: ("agent", "retry", str(letter)) in acted(stage))

    (stage.folder / "mended").unlink()
    letter = failed(stage, "fail once more")
    wanted = json.dumps({"dead_letter_id": letter}).encode()
    token = {"Authorization": f"Bearer {stage.token}"}
    answer = ask(stage.address, "POST", "/page/agents/agent/drop", JSON | token, wanted)
    assert (answer.status, answer.json) == (200, {"done": True})
    assert letter not in letters(stage)
    assert ask(stage.address, "POST", "/page/agents/agent/drop", JSON | token, wanted).json == {"done": False}

    assert post(stage.address, "/page/session/end", {}, **signed_in).status == 200
    assert post(stage.address, "/page/agents/agent/retry", {"dead_letter_id": 1}, **signed_in).status == 401


def test_a_chat_is_paused_and_resumed_by_what_the_page_calls_it(stage):
    """The page has no whole id; of a chat that it does not show, or a plugin that there is not, nothing is done."""
    stage.answered("before the pause")
    token = {"Authorization": f"Bearer {stage.token}"}

    def act(verb, kind, name):
        wanted = json.dumps({"kind": kind, "name": name}).encode()
        return ask(stage.address, "POST", f"/page/agents/agent/{verb}", JSON | token, wanted).json

    chat = until(lambda: ask(stage.address, path="/page/agents/agent/conversations").json["conversations"])[
        0
    ]["chat"]
    assert stage.chat_id.startswith(chat.rstrip("…"))
    assert [act("pause", "chat", name)["done"] for name in (chat, chat, stage.chat_id)] == [
        True,
        False,
        False,
    ]
    assert act("pause", "plugin", "nobody") == {"done": False}
    assert [(each["kind"], each["name"]) for each in stage.agent()["paused"]] == [("chat", chat)]
    before = stage.agent()["hearing"]["since_seq"]
    stage.say("meanwhile")
    until(lambda: stage.agent()["hearing"]["since_seq"] > before)
    assert "heard: meanwhile" not in stage.texts()

    assert [act("resume", "chat", chat)["done"] for _ in range(2)] == [True, False]
    assert until(lambda: "heard: meanwhile" in stage.texts())
    assert stage.agent()["paused"] == []


def test_neither_a_token_nor_anybodys_words_are_shown(stage):
    """Not in what is shown, not in the log of facts, and not to whoever has signed in either."""
    canary = f"canary-{secrets.token_hex(8)}"
    stage.answered(canary)
    assert failed(stage, f"fail {canary}")
    headers = {"Cookie": session(stage).split(";")[0]}
    conversations = "/page/agents/agent/conversations"
    until(lambda: b'"said":1' in ask(stage.address, path=conversations).body)
    paths = ["/", "/livez", "/readyz", "/status", "/metrics", "/page/overview"]
    paths += [f"/page/agents/agent/{each}" for each in ("samples", "conversations")]

    shown = b"".join(ask(stage.address, path=path, headers=headers).body for path in paths) + log(stage)

    assert b"delivery.buried" in shown
    for secret in (canary, stage.token, stage.agent_token, headers["Cookie"].partition("=")[2]):
        assert secret.encode() not in shown
    assert stage.chat_id.encode() not in b"".join(
        ask(stage.address, path=path).body for path in paths if path.startswith("/page/")
    ) + log(stage)


def log(stage):
    """What of the log is there already."""
    with socket.create_connection(stage.address, SECONDS) as connection:
        connection.sendall(
            f"GET /page/events HTTP/1.1\r\nHost: 127.0.0.1:{stage.address[1]}\r\n\r\n".encode()
        )
        text = b""
        while not text.endswith(b"\n\n\r\n"):
            text += connection.recv(65_536)
        return text


def test_names_of_the_servers_come_as_data(stage):
    """As JSON that no browser takes for a page; the page itself writes texts only."""
    answer = ask(stage.address, path="/page/events", headers={"Host": "evil"})
    assert answer.headers["content-type"] == "application/json"

    text = log(stage)
    assert b"content-type: text/event-stream" in text
    assert NAME.encode() in text


def test_without_http_nothing_of_it_is_imported():
    """Whoever names it names it in a function, which only a file that sets `listen` comes to."""
    package = ROOT / "mycel_runtime/daemon/http"
    others = (path for path in (ROOT / "mycel_runtime").rglob("*.py") if package not in path.parents)
    found = [str(path) for path in others if "daemon.http" in (text := path.read_text()) and imports_it(text)]
    assert found == []
    assert imports_it("from mycel_runtime.daemon.http.listener import HttpListener")


def imports_it(text):
    """Whether it is imported with this module."""
    names = (node.module for node in ast.parse(text).body if isinstance(node, ast.ImportFrom))
    return any(name and name.startswith("mycel_runtime.daemon.http.") for name in names)
