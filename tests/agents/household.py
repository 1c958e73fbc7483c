"""People who talk with the agent, the daemon that speaks for it, and what of the agent is left on the machine."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mycel_runtime.sdk import Client
from tests.agents.genuine import ROOT

if TYPE_CHECKING:
    from tests.agents.genuine import Genuine

MARK: Final = "CAMPAIGN_MARK"
"""A variable that the agent's processes inherit, whatever becomes of their parents and groups."""

STARTED_SECONDS: Final = 600.0

STOPPED_SECONDS: Final = 120.0

PEOPLE: Final = 3

OURS: Final = frozenset({"agent.toml", "agent.token", "daemon.log", "canary.txt", "home", "state", "chats"})
"""What lies in the folder besides what should not."""

ASKED_PERSON: Final = 1
"""Which of the people is named in `ask`."""

CONFIG: Final = """\
[agent]
name = "agent"
base_url = "{base_url}"
token_file = "agent.token"
state_dir = "state"

[log]
level = "debug"
format = "json"

"""

PLUGINS: Final = {
    "acp": """\
[plugins.acp]
agent = "{name}"
folder = "{folder}"
start_timeout = 600
load_timeout = 120
ask = "{asked}"

[plugins.acp.environment]
""",
    "command": """\
[plugins.command]
recipe = "{name}"
folder = "{folder}"
interrupt = "(?i)^stop"
attempts = 5

[plugins.command.environment]
""",
}

SIGNS: Final = {"acp": "acp.agent_started", "command": "daemon.started"}
"""What the log says when the agent may be talked to."""


def until(condition, seconds, every=0.1):
    """Its first true value, or its last one when the time is over."""
    deadline = time.monotonic() + seconds
    while not (value := condition()) and time.monotonic() < deadline:
        time.sleep(every)
    return value


@dataclass
class Person:
    """Somebody in a direct chat with the agent."""

    client: Client
    chat_id: str
    agent_id: str

    def say(self, text: str) -> None:
        self.client.messages.send(self.chat_id, text, enforce_caught_up=False)

    def replies(self) -> list[str]:
        """All that the agent has said here, oldest first."""
        messages = self.client.messages.list(self.chat_id, limit=200)
        return [message["content"] for message in messages if message["sender_id"] == self.agent_id]

    def hears(self, word: str, seconds: float) -> bool:
        """Whether a reply with this word comes in time."""
        return bool(until(lambda: any(has_word(reply, word) for reply in self.replies()), seconds))


def has_word(text: str, word: str) -> bool:
    return f"{word}." in text


@dataclass
class Daemon:
    """`mycel-runtime run`, and its log, which is kept over its lives."""

    folder: Path
    environment: dict[str, str]
    sign: str
    """What its log says when the agent may be talked to."""
    popen: subprocess.Popen | None = None

    def start(self) -> None:
        """Return when the agent may be talked to."""
        before = len(self.events(self.sign))
        command = [sys.executable, "-m", "mycel_runtime", "run", "--config", str(self.folder / "agent.toml")]
        with self.log_file.open("ab") as log:
            self.popen = subprocess.Popen(
                command, cwd=ROOT, env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        has_started = until(
            lambda: self.popen.poll() is not None or len(self.events(self.sign)) > before,
            STARTED_SECONDS,
        )
        if not has_started or self.popen.poll() is not None:
            raise RuntimeError("the daemon has not started its agent")

    @property
    def log_file(self) -> Path:
        return self.folder / "daemon.log"

    def events(self, *names: str) -> list[dict]:
        """Lines of the log with these events."""
        found = []
        if self.log_file.exists():
            for line in self.log_file.read_text(errors="replace").splitlines():
                with suppress(ValueError):
                    event = json.loads(line)
                    if isinstance(event, dict) and event.get("event") in names:
                        found.append(event)
        return found

    def stop(self) -> int:
        """By SIGTERM; the exit code."""
        self.popen.send_signal(signal.SIGTERM)
        return self.popen.wait(STOPPED_SECONDS)

    def kill(self) -> None:
        self.popen.kill()
        self.popen.wait(STOPPED_SECONDS)


@dataclass
class Household:
    """One agent with three people, each in a chat of his own."""

    agent: Genuine
    folder: Path
    daemon: Daemon
    people: list[Person]
    canary: str
    """What stands in a file that nobody may show the model."""
    model_url: str

    @property
    def chats(self) -> Path:
        """Below it each chat has its folder."""
        return self.folder / "chats"

    def processes(self) -> dict[int, str]:
        """What runs of the agent, by process id: its command."""
        mark = f"{MARK}={self.folder}".encode()
        found = {}
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                is_zombie = b"\nState:\tZ" in (process / "status").read_bytes()
                if not is_zombie and mark in (process / "environ").read_bytes().split(b"\0"):
                    command = (process / "cmdline").read_bytes().replace(b"\0", b" ")
                    found[int(process.name)] = command.decode(errors="replace").strip()
        return found

    def left_after(self, seconds: float) -> dict[int, str]:
        """What still runs of the agent when this time is over; at once, if nothing does."""
        until(lambda: not self.processes(), seconds)
        return self.processes()

    def kill_agent(self) -> None:
        """All of it at once, as if memory had run out."""
        for process in self.processes():
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)

    def forget(self) -> None:
        """All that the agent keeps of its own is lost, but for its settings."""
        shutil.rmtree(self.folder / "home")
        self.agent.environment(self.model_url, self.folder / "home")

    def close(self) -> None:
        """Nothing of it runs any more, whatever has happened."""
        if self.daemon.popen is not None and self.daemon.popen.poll() is None:
            self.daemon.kill()
        self.kill_agent()
        for person in self.people:
            person.client.close()

    def files_outside(self) -> list[str]:
        """What was made beside the chats' folders by what the chats said, and what lies where nobody should write."""
        beside = [path for path in self.folder.iterdir() if path.name not in OURS]
        at_home = list((self.folder / "home").rglob("tool-word-*"))
        of_the_process = [path for path in self.chats.rglob("tool-word-*") if "process" in path.parts]
        canary = self.folder / "canary.txt"
        changed = [] if canary.read_text() == self.canary else [canary]
        found = [*beside, *at_home, *of_the_process, *changed]
        return [str(path.relative_to(self.folder)) for path in found]


def furnish(agent: Genuine, folder: Path, base_url: str, model_url: str) -> Household:
    """Make the people, the agent's identity and its configuration; nothing runs yet."""
    folder.mkdir(parents=True)
    clients, agent_id, token = _identities(base_url)
    canary = "canary-" + os.urandom(8).hex()
    (folder / "canary.txt").write_text(canary)
    environment = agent.environment(model_url, folder / "home") | {MARK: str(folder)}
    variables = "\n".join(f"{name} = {json.dumps(value)}" for name, value in environment.items())
    asked = clients[ASKED_PERSON].me.whoami()["id"]
    table = PLUGINS[agent.plugin].format(name=agent.name, folder=folder / "chats", asked=asked)
    (folder / "agent.toml").write_text(CONFIG.format(base_url=base_url) + table + variables + "\n")
    (folder / "agent.token").write_text(token)
    (folder / "agent.token").chmod(0o600)
    people = [Person(each, each.chats.ensure_direct(agent_id)["id"], agent_id) for each in clients]
    # The program is looked for where the runtime looks.
    ours = os.environ | {"PATH": environment["PATH"]}
    return Household(agent, folder, Daemon(folder, ours, SIGNS[agent.plugin]), people, canary, model_url)


def _identities(base_url: str) -> tuple[list[Client], str, str]:
    clients = []
    for number in range(PEOPLE):
        with Client(base_url=base_url) as nobody:
            token = nobody.auth.create_guest_owner(f"person {number}")["token"]
        clients.append(Client(base_url=base_url, auth_token=token))
    made = clients[0].auth.create_external_user("agent", "Agent")
    return clients, made["user"]["id"], made["token"]
