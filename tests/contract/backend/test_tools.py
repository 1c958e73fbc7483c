from __future__ import annotations

import contextlib
import json
import subprocess
import sys

import httpx
import pytest

from mycel_runtime.backend.control import ask
from mycel_runtime.backend.server import BackendOptions, LocalBackend, Quirks
from mycel_runtime.errors import ControlError


@pytest.fixture
def control(tmp_path):
    path = tmp_path / "control"
    with LocalBackend(BackendOptions(control_socket=path)) as backend:
        yield path, backend


def test_somebody_made_by_the_owner_can_log_in(control):
    path, backend = control
    made = ask(path, "add_user", email="ada@example.org", password="secret")
    for identifier in ("ada@example.org", str(made["mycel_id"])):
        body = {"identifier": identifier, "password": "secret"}
        answer = httpx.post(f"{backend.base_url}/api/auth/login", json=body)
        assert answer.json()["user"]["id"] == made["id"]


def test_the_owner_speaks_as_anyone_and_reads_it(control):
    path, backend = control
    guest = httpx.post(f"{backend.base_url}/api/auth/guest", json={}).json()
    user_id = guest["user"]["id"]
    headers = {"Authorization": f"Bearer {ask(path, 'token', user_id=user_id)['token']}"}
    chat = httpx.post(
        f"{backend.base_url}/api/chats", json={"kind": "group", "title": "all"}, headers=headers
    ).json()
    assert ask(path, "say", user_id=user_id, chat_id=chat["id"], content="hello")["seq"] == 1
    assert [row["content"] for row in ask(path, "messages", chat_id=chat["id"])] == ["hello"]
    assert ask(path, "chats")[0]["members"] == {user_id: {"cursor": 0, "unread": 0}}


def test_the_owner_makes_people_and_overhears_them(control):
    path, backend = control
    ada = ask(path, "add_guest", name="Ada")
    agent = ask(path, "add_external", owner_id=ada["id"], user_id="agent", name="Agent")
    chat = ask(path, "open_direct", user_id=ada["id"], other_id="agent")
    assert ask(path, "open_direct", user_id="agent", other_id=ada["id"]) == chat
    ask(path, "say", user_id=ada["id"], chat_id=chat["id"], content="one")
    ask(path, "say", user_id=ada["id"], chat_id=chat["id"], content="two")

    heard = ask(path, "overhear", user_id="agent", after={chat["id"]: 1})
    assert [(each["seq"], each["sender_name"], each["content"]) for each in heard] == [(2, "Ada", "two")]
    backlog = ask(path, "backlog", user_id="agent")
    assert (backlog["last_seq"], backlog["unread"]) == (0, {chat["id"]: 2})
    assert ask(path, "backlog", user_id=ada["id"])["unread"] == {}
    for made, name in ((ada, "Ada"), (agent, "Agent")):
        headers = {"Authorization": f"Bearer {made['token']}"}
        assert httpx.get(f"{backend.base_url}/api/auth/me", headers=headers).json()["name"] == name


def test_talk_is_told_of_and_reading_is_none():
    told = []
    quirks = Quirks(retract_fails=False)
    with LocalBackend(BackendOptions(on_talk=lambda: told.append(1), quirks=quirks)) as backend:
        ada, bob = (backend.ask("add_guest", name=name) for name in ("Ada", "Bob"))
        assert told == []
        chat = backend.ask("open_direct", user_id=ada["id"], other_id=bob["id"])
        assert len(told) == 1
        message = backend.ask("say", user_id=ada["id"], chat_id=chat["id"], content="one")
        assert len(told) == 2
        headers = {"Authorization": f"Bearer {bob['token']}"}
        chat_url = f"{backend.base_url}/api/chats/{chat['id']}/messages"
        assert len(httpx.post(f"{chat_url}/read", headers=headers).json()) == 1
        assert len(told) == 2
        headers = {"Authorization": f"Bearer {ada['token']}"}
        assert httpx.post(f"{chat_url}/{message['id']}/retract", headers=headers).status_code == 200
        assert len(told) == 3


def test_everything_is_stamped_by_the_clock_that_it_was_given():
    with LocalBackend(BackendOptions(clock=lambda: 4e9)) as backend:
        ada = backend.ask("add_guest", name="Ada")
        agent = backend.ask("add_external", owner_id=ada["id"], user_id="agent", name="Agent")
        chat = backend.ask("open_direct", user_id=ada["id"], other_id=agent["id"])
        backend.ask("say", user_id=ada["id"], chat_id=chat["id"], content="hello")
        (message,) = backend.ask("overhear", user_id=ada["id"])
    assert message["created_at"] == 4e9


def test_a_fault_ordered_from_outside_happens(control):
    path, backend = control
    ask(path, "fault", name="refuse", status=503, retry_after=7)
    answer = httpx.get(f"{backend.base_url}/api/auth/me")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "7")


@pytest.mark.parametrize(
    ("order", "told"),
    [
        ({"verb": "fault", "name": "explode"}, "no such fault: explode"),
        ({"verb": "fault", "name": "delay"}, "missing a required argument: 'seconds'"),
        ({"verb": "fault", "name": "refuse", "status": 418, "path": "["}, "refuse: path: .*unterminated"),
        ({"verb": "fault", "name": "refuse", "status": "teapot"}, "refuse: status: .*valid integer"),
        ({"verb": "dance"}, "no such verb: dance"),
        ({"verb": "say", "user_id": "x", "chat_id": "y", "content": "z"}, "no such user: x"),
        ({"verb": "script", "text": "{}", "where": "file"}, "file:1: this line is no step"),
    ],
)
def test_an_order_that_makes_no_sense_is_answered_with_why(control, order, told):
    path, _ = control
    order = dict(order)
    with pytest.raises(ControlError, match=told):
        ask(path, order.pop("verb"), **order)


def test_a_script_plays_its_steps(control):
    path, backend = control
    lines = [{"at": 0.0, "fault": "refuse", "status": 502, "path": "/openapi.json"}]
    ask(path, "script", text="\n".join(map(json.dumps, lines)), where="script")
    assert httpx.get(f"{backend.base_url}/openapi.json").status_code == 502


def test_the_control_socket_is_for_its_owner_only(control):
    path, _ = control
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.slow
def test_the_command_line_reaches_a_running_backend(tmp_path):
    command = [sys.executable, "-m", "mycel_runtime", "backend", "--control", str(tmp_path / "control")]
    process = subprocess.Popen(
        [*command, "--port", "0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    with process, contextlib.ExitStack() as ending:
        ending.callback(process.terminate)
        base_url = process.stdout.readline().split()[-1]
        refuse = [*command, "fault", "refuse", "status=418", "path=/here"]
        subprocess.run(refuse, check=True, timeout=30)
        assert [httpx.get(f"{base_url}{path}").status_code for path in ("/there", "/here")] == [404, 418]
    assert process.returncode == 0


def test_nobody_there_is_told(tmp_path):
    with pytest.raises(ControlError, match="no backend answers there"):
        ask(tmp_path / "none", "users")


def test_the_same_tools_are_at_hand_in_the_same_process():
    with LocalBackend() as backend:
        assert backend.ask("users") == []
        with pytest.raises(ControlError, match="no such verb"):
            backend.ask("dance")


def test_a_managed_agent_s_words_can_be_said(town, owner, agent, chat):
    said = {"user_id": agent.id, "chat_id": chat, "content": "done", "message_type": "ai", "signal": "yield"}
    town.backend.ask("say", **said)
    (message,) = owner.get(f"/api/chats/{chat}/messages")
    assert (message["message_type"], message["signal"]) == ("ai", "yield")
