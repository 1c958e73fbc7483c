"""An agent in the container: the unit with its drop-in, a backend of the container's own, and the owner who talks."""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from tests.integration.systemd.container import ContainerError

SYSTEMD = Path(__file__).parents[3] / "systemd"
INSIDE = Path(__file__).with_name("inside")
PROGRAM = "/opt/mycel-runtime/bin/mycel-runtime"
PYTHON = "/opt/mycel-runtime/bin/python"
UNITS = ("mycel-runtime@.service", "mycel-runtime-agents.service")
BACKEND_PORT = 8042
AGENT = """
[agent]
name = "{name}"
base_url = "http://127.0.0.1:{port}"

"""


def install(container, wheel):
    """This working copy, its unit, and a backend, in the container."""
    container.put(f"/opt/built/{wheel.name}", wheel)
    pip = (PYTHON, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", f"/opt/built/{wheel.name}")
    container.run(*pip, timeout=300)
    for unit in UNITS:
        container.put(f"/etc/systemd/system/{unit}", SYSTEMD / unit)
    for file in INSIDE.iterdir():
        container.put(f"/opt/agents/{file.name}", file)
    # What an agent would see or write if its unit let it.
    container.run("install", "-d", "-m", "1777", "/srv/open")
    container.put("/home/you/letter", "dear")
    serve(container, "backend", PROGRAM, "backend", "--database", "/var/lib/backend.sqlite3")
    await_true("the backend listens", lambda: listens(container, BACKEND_PORT))


def serve(container, name, *command):
    """A service of the container's own, without a sandbox."""
    container.run("systemd-run", "--quiet", f"--unit={name}", "--property=Restart=no", *command)


def await_true(what, condition, seconds=90.0):
    """What the condition gives; raises ContainerError when it gives nothing in time."""
    ends_at = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > ends_at:
            raise ContainerError(f"not in {seconds:.0f} s: {what}")
        time.sleep(0.2)
    return found


def listens(container, port, python=PYTHON):
    """Whether something answers on a port there."""
    probe = f"import socket; socket.create_connection(('127.0.0.1', {port}), 5)"
    return container.run(python, "-c", probe, check=False).returncode == 0


def exposure_of(container, unit):
    """As systemd judges a unit that is loaded, drop-ins and all: 0 to 10."""
    said = container.run("systemd-analyze", "--no-pager", "security", unit).stdout
    return float(re.search(r"Overall exposure level for \S+: (\d+\.\d)", said)[1])


@dataclass
class Resident:
    """One agent. `plugin` is its table in TOML; `drop_in` a file of systemd/agents, or nothing."""

    container: object
    name: str
    plugin: str
    drop_in: str = ""
    extra: str = ""
    port: int = BACKEND_PORT
    tokens: dict = field(default_factory=dict)

    @property
    def unit(self):
        return f"mycel-runtime@{self.name}.service"

    @property
    def config(self):
        return f"/etc/mycel-runtime/{self.name}.toml"

    @property
    def token_file(self):
        """Root's, for the unit."""
        return f"/etc/mycel-runtime/{self.name}.token"

    @property
    def state(self):
        """Its state directory, as root sees it."""
        return f"/var/lib/private/mycel-runtime/{self.name}"

    def make(self):
        """Everything the guide asks for, but the start."""
        self.tokens = json.loads(
            self.container.run(PYTHON, "/opt/agents/people.py", self.name, self.port).stdout
        )
        self.configure(self.plugin)
        self.container.put(self.token_file, self.tokens["agent"], 0o600)
        self.container.put(f"/srv/owner/{self.name}.owner", self.tokens["owner"], 0o600)
        # The unit's file holds no token, and so says neither who the agent is that its owner talks to.
        beside = f'token_file = "{self.token_file}"\n'
        self.container.put(
            f"/srv/owner/{self.name}.toml",
            AGENT.format(name=self.name, port=self.port).rstrip() + "\n" + beside,
        )
        if self.extra:
            self.container.put(f"/etc/systemd/system/{self.unit}.d/extra.conf", self.extra)
        self.give(self.drop_in)
        return self

    def configure(self, plugin):
        """Its file, with another table of the plugin."""
        self.container.put(self.config, AGENT.format(name=self.name, port=self.port) + plugin)

    def give(self, drop_in):
        """Install a drop-in, if there is one, and let systemd read its files again."""
        self.drop_in = drop_in
        if drop_in:
            path = f"/etc/systemd/system/{self.unit}.d/agent.conf"
            self.container.put(path, SYSTEMD / "agents" / f"{drop_in}.conf")
        self.container.run("systemctl", "daemon-reload")

    def systemctl(self, verb, *arguments, check=True):
        return self.container.run("systemctl", verb, *arguments, self.unit, check=check, timeout=150)

    def shown(self, *names):
        """Properties of the unit, as systemd has them."""
        lines = self.systemctl("show", f"--property={','.join(names)}").stdout.splitlines()
        return dict(line.split("=", 1) for line in lines)

    def restarts(self):
        return int(self.shown("NRestarts")["NRestarts"])

    def start(self):
        """Until READY; the seconds that it took."""
        began = time.monotonic()
        self.systemctl("start")
        return time.monotonic() - began

    def _owner(self):
        return ("--config", f"/srv/owner/{self.name}.toml", "--token-file", f"/srv/owner/{self.name}.owner")

    def say(self, text):
        self.container.run(PROGRAM, "send", *self._owner(), text)

    def conversation(self):
        """What `mycel-runtime read --json` prints of each message, oldest first."""
        read = ("read", *self._owner(), "--limit", "200", "--json")
        lines = self.container.run(PROGRAM, *read).stdout.splitlines()
        return [json.loads(line) for line in lines]

    def replies(self, text):
        return [message for message in self.conversation() if message["content"] == text]

    def answer_to(self, word, seconds=90.0):
        """The text that follows the word."""

        def following():
            texts = [message["content"] for message in self.conversation()]
            after = texts[texts.index(word) + 1 :] if word in texts else []
            return after and after[0]

        return await_true(f"{self.name} answers {word}", following, seconds)

    def await_busy(self, word, seconds=60.0):
        """Until a handler works on the word."""
        find = ("find", self.state, f"/tmp/{self.name}", "-name", f"busy-{word}")
        busy = partial(self.container.run, *find, check=False)
        await_true(f"{self.name} works on {word}", lambda: busy().stdout, seconds)

    def log(self):
        return self.container.run(
            "journalctl", "--unit", self.unit, "-n", "25", "--no-pager", check=False
        ).stdout

    def exposure(self):
        """As `exposure_of`."""
        return exposure_of(self.container, self.unit)

    def verified(self):
        """What `systemd-analyze verify` says; nothing, if all is well."""
        said = self.container.run("systemd-analyze", "verify", "--man=no", self.unit, check=False)
        return said.stdout + said.stderr

    def status(self):
        """What its daemon says of itself, asked by root as the guide says."""
        return json.loads(
            self.container.run(PROGRAM, "status", "--json", "--config", self.config, check=False).stdout
        )

    def mint(self):
        """Another token of the agent."""
        return self.container.run(PYTHON, "/opt/agents/mint.py", self.name).stdout.strip()

    def is_backend_there(self):
        return listens(self.container, self.port)

    def open_chats(self, words):
        """The owner says each word in a new chat with the agent."""
        self.container.run(PYTHON, "/opt/agents/crowd.py", "open", self.tokens["owner"], self.name, *words)

    def heard_in_chats(self, words):
        """What the agent has said in each of them."""
        crowd = (PYTHON, "/opt/agents/crowd.py", "heard", self.tokens["owner"], self.name, *words)
        return json.loads(self.container.run(*crowd).stdout)


@dataclass
class Lodger(Resident):
    """One of the agents of the folder, in the unit for all of them; another one lives beside it."""

    neighbour: Resident | None = None

    @property
    def unit(self):
        return "mycel-runtime-agents.service"

    @property
    def config(self):
        return f"/etc/mycel-runtime/agents/{self.name}.toml"

    @property
    def token_file(self):
        return f"/etc/mycel-runtime/tokens/{self.name}"

    @property
    def state(self):
        return f"/var/lib/private/mycel-runtime-agents/mycel-runtime/{self.name}"
