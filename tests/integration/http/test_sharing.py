"""Several agents on one listener, and who comes to it from further away."""

from __future__ import annotations

import asyncio
import time

import pytest

from mycel_runtime.daemon.agents import read_agents
from mycel_runtime.daemon.http.listener import HttpListener
from mycel_runtime.daemon.reports.hearing_report import HearingReport
from mycel_runtime.daemon.reports.speaking_report import SpeakingReport
from mycel_runtime.daemon.reports.work_report import WorkReport
from mycel_runtime.daemon.status import Status
from mycel_runtime.errors import ConfigError
from mycel_runtime.observe.facts import HttpOpened, PageActed
from mycel_runtime.observe.observer import Observer
from mycel_runtime.settings import load_settings
from tests.integration.http.raw import ask

TOKEN = "0123456789abcdef"


class Agent:
    """As the listener knows it."""

    admin, families = None, staticmethod(lambda _status: [])

    def __init__(self, name, *, ready=True, has_ended=False):
        self.agent, self.ready, self.has_ended = name, ready, has_ended
        self.told = []

    async def status(self):
        return Status(
            agent=self.agent, server="", user_id="me", version="", pid=1, started_at=0, now=time.time(),
            ready=self.ready, problems=() if self.ready else ("deaf",), hearing=HearingReport(),
            speaking=SpeakingReport(), work=WorkReport(), events={},
        )  # fmt: skip

    def tell(self, fact):
        self.told.append(fact)


class Heard(Observer):
    def __init__(self):
        self.opened = asyncio.get_running_loop().create_future()

    def tell(self, fact):
        if isinstance(fact, HttpOpened):
            self.opened.set_result(fact.address)


def config(folder, name, http):
    path = folder / f"{name}.toml"
    path.write_text(
        f'[agent]\nname = "{name}"\nbase_url = "embedded"\nstate_dir = "{name}"\n{http}\n[plugins.echo]\n'
    )
    return path


@pytest.fixture
async def opened(tmp_path):
    """Opens a listener for these agents; its address."""
    token = tmp_path / "page.token"
    token.write_text(TOKEN)
    token.chmod(0o600)
    http = '[http]\nlisten = "127.0.0.1:0"\ntoken_file = "page.token"\nhosts = ["ops.example.org"]'
    heard = Heard()
    listener = HttpListener(load_settings(config(tmp_path, "one", http)), observer=heard)

    def add(*agents):
        for agent in agents:
            listener.observer_of(agent.agent)
            listener.add(agent)

    async with listener.opened():
        async with asyncio.timeout(20):
            host, port = (await heard.opened).rsplit(":", 1)
        yield (host, int(port)), add


async def test_several_agents_are_ready_when_all_of_them_are(opened, tmp_path):
    address, add = opened
    one, two = Agent("one"), Agent("two", ready=False)
    add(one, two)

    answer = await asyncio.to_thread(ask, address, path="/readyz")
    assert (answer.status, answer.json["ready"]) == (503, False)
    assert {name: each["ready"] for name, each in answer.json["agents"].items()} == {
        "one": True,
        "two": False,
    }
    listed = (await asyncio.to_thread(ask, address, path="/status")).json["agents"]
    assert [each["agent"] for each in listed] == ["one", "two"]
    assert (await asyncio.to_thread(ask, address, path="/page/agents/three/samples")).status == 404

    two.ready, two.has_ended = True, True
    shown = (await asyncio.to_thread(ask, address, path="/page/overview")).json["agents"]
    assert [(each["name"], each["ended"]) for each in shown] == [("one", False), ("two", True)]


async def test_whoever_comes_by_a_public_name_is_asked_for_the_token(opened, tmp_path):
    """By a proxy on this machine, that is; what a browser needs to ask for it is open, and so is a sign of life."""
    address, add = opened
    add(agent := Agent("one"))
    far = {"Host": "ops.example.org"}
    paths = ["/", "/page.js", "/livez", "/readyz", "/status", "/metrics", "/page/overview", "/page/events"]

    answers = [await asyncio.to_thread(ask, address, path=path, headers=far) for path in paths]
    assert [answer.status for answer in answers] == [200, 200, 200, 401, 401, 401, 401, 401]
    passed_on = {"X-Forwarded-For": "192.0.2.7"}
    assert (await asyncio.to_thread(ask, address, path="/status", headers=passed_on)).status == 401
    token = far | {"Authorization": f"Bearer {TOKEN}"}
    assert (await asyncio.to_thread(ask, address, path="/status", headers=token)).status == 200

    origin = far | {"Origin": "https://ops.example.org", "Content-Type": "application/json"}
    body = b'{"token": "%s"}' % TOKEN.encode()
    session = await asyncio.to_thread(ask, address, "POST", "/page/session", origin, body)
    assert "Secure" in session.headers["set-cookie"]
    cookie = far | {"Cookie": session.headers["set-cookie"].split(";")[0]}
    assert (await asyncio.to_thread(ask, address, path="/page/overview", headers=cookie)).status == 200
    wanted = b'{"kind": "agent"}'
    act = await asyncio.to_thread(ask, address, "POST", "/page/agents/one/pause", cookie | origin, wanted)
    assert (act.status, act.json) == (409, {"detail": "the agent is not at work"})
    assert not [fact for fact in agent.told if isinstance(fact, PageActed)]


def test_agents_of_one_process_agree_on_their_listener(tmp_path):
    first = config(tmp_path, "a", '[http]\nlisten = "127.0.0.1:8099"')
    same = config(tmp_path, "b", '[http]\nlisten = "127.0.0.1:8099"')
    without = config(tmp_path, "c", "")
    other = config(tmp_path, "d", '[http]\nlisten = "127.0.0.1:8100"')

    agents, (refusal,) = read_agents([first, same, without, other], {})

    assert [agent.settings.agent.name for agent in agents] == ["a", "b", "c"]
    assert refusal.files == (other,)
    assert str(other) in refusal.error.where
    assert "share a listener" in str(refusal.error)


def test_the_pages_token_is_not_the_agents(tmp_path):
    (tmp_path / "token").write_text(TOKEN)
    (tmp_path / "token").chmod(0o600)
    path = tmp_path / "a.toml"
    path.write_text(
        '[agent]\nname = "a"\nbase_url = "http://127.0.0.1:1"\ntoken_file = "token"\n'
        '[http]\nlisten = "127.0.0.1:8099"\ntoken_file = "token"\n[plugins.echo]\n'
    )

    with pytest.raises(ConfigError, match="the token of the page is the agent's own"):
        read_agents([path], {})
