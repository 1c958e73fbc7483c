"""A daemon as a process that shows its page, with a person who writes to its agent."""

from __future__ import annotations

import secrets
import subprocess
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from mycel_runtime.backend.server import BackendOptions, LocalBackend
from mycel_runtime.sdk import Client
from tests.acceptance.conftest import Household, Process, until, write_config
from tests.integration.http.raw import ask

if TYPE_CHECKING:
    from pathlib import Path

NAME = "<img src=x onerror=document.title=1>"
"""Of the agent, on Mycel: whoever owns it may call it so."""

PLUGIN = """
from pathlib import Path
from mycel_runtime import MessageContext, Plugin, Reject

plugin = Plugin("tried")

@plugin.on_message
async def answer(ctx: MessageContext) -> None:
    if "fail" in ctx.messages[-1].content and not Path(__file__).with_name("mended").exists():
        raise Reject("it is not mended")
    await ctx.reply("heard: " + ctx.messages[-1].content)
"""


@dataclass
class Stage:
    """A running agent with a page."""

    address: tuple[str, int]
    process: Process
    owner: Client = field(repr=False)
    chat_id: str
    token: str = field(repr=False)
    agent_token: str = field(repr=False)
    folder: Path
    backend: LocalBackend

    def say(self, text):
        self.owner.messages.send(self.chat_id, text, enforce_caught_up=False)

    def answered(self, text):
        """Wait until the agent has answered this."""
        self.say(text)
        return until(lambda: f"heard: {text}" in self.texts())

    def texts(self):
        return [message["content"] for message in self.owner.messages.list(self.chat_id)]

    def agent(self):
        """As the page shows it."""
        return ask(self.address, path="/page/overview").json["agents"][0]


@pytest.fixture(scope="session")
def stage(tmp_path_factory):
    """One for all attacks: it must survive them."""
    with opened_stage(tmp_path_factory.mktemp("page")) as running:
        yield running


def opened_stage(folder, *, begin="", more=""):
    """
    The stage, in this folder, while the block runs.

    Args:
        folder: Empty.
        begin: Code that the daemon's process runs first.
        more: Further lines of its file.
    """
    return _Opened(folder, begin=begin, more=more)


class _Opened:
    def __init__(self, folder, *, begin, more):
        self._folder, self._begin, self._more = folder, begin, more
        self._backend = LocalBackend(BackendOptions(database=folder / "backend.sqlite3"))

    def __enter__(self):
        household = _household(self._backend.__enter__().base_url)
        token = secrets.token_hex(16)
        plugin = self._folder / "tried.py"
        plugin.write_text(PLUGIN)
        token_file = self._folder / "page.token"
        token_file.write_text(token)
        token_file.chmod(0o600)
        config = write_config(
            self._folder / "agent",
            household,
            extra=f'[http]\nlisten = "127.0.0.1:0"\ntoken_file = "{token_file}"\n{self._more}',
            plugin=f'[plugins.tried]\npath = "{plugin}"\n',
        )
        self._process = _start(config, self._begin)
        host, port = self._process.wait_event("http.opened")["address"].rsplit(":", 1)
        self._process.wait_event("stream.connected")
        self._client = Client(base_url=household.base_url, auth_token=household.owner_token)
        return Stage(
            address=(host, int(port)),
            process=self._process,
            owner=self._client,
            chat_id=self._client.chats.ensure_direct(household.agent_id)["id"],
            token=token,
            agent_token=household.agent_token,
            folder=self._folder,
            backend=self._backend,
        )

    def __exit__(self, *exc):
        self._client.close()
        self._process.stop()
        self._process.popen.stdout.close()
        self._process.popen.stderr.close()
        return self._backend.__exit__(*exc)


def _household(base_url):
    with Client(base_url=base_url) as nobody:
        owner = nobody.auth.create_guest_owner("owner")
    with Client(base_url=base_url, auth_token=owner["token"]) as client:
        agent = client.auth.create_external_user("agent", NAME)
    return Household(base_url, owner["token"], agent["user"]["id"], agent["token"])


def _start(config, begin):
    program = f"{begin}\nfrom mycel_runtime.cli.main import main\nmain()"
    return Process(
        subprocess.Popen(
            [sys.executable, "-c", program, "run", "--config", str(config)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
    )
