"""
What `mycel-runtime unit` prints, run by a real systemd: agents whose files lie where the packaged unit does not look.

In a folder with an odd name, in root's home after `init`, and in the home of a user who alone can read them. Each is
printed in the container, enabled and started; then systemd must take it in silence, the agent must be ready, `check`
must find no error and no difference, and the agent must answer after a restart as before it.
"""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.integration.systemd.resident import PROGRAM, PYTHON, await_true, exposure_of
from tests.integration.systemd.rows import EXPOSURE

ODD = "/srv/we ird%i $HOME c:d"

MAKE = """
import sys
from mycel_runtime.sdk import Client
with Client(base_url="http://127.0.0.1:8042") as nobody:
    owner = nobody.auth.create_guest_owner("owner")
with Client(base_url="http://127.0.0.1:8042", auth_token=owner["token"]) as client:
    print(client.auth.create_external_user(sys.argv[1], sys.argv[1])["token"], owner["token"])
"""


@dataclass(frozen=True)
class Place:
    """Where an agent of this name lies, and whose files they are."""

    name: str
    folder: str
    owner: str = "root"
    mode: str = "0644"
    is_initialised: bool = False


PLACES = (
    Place("odd", ODD),
    Place("homely", f"{Path.home()}/agents", is_initialised=True),
    Place("private", "/home/agent/agents", owner="agent", mode="0600"),
)


@dataclass
class Machine:
    """The container, as a row has its resident."""

    container: object

    def make(self):
        """The user whose home one of the places is."""
        self.container.run("useradd", "--create-home", "agent")

    def log(self):
        """Of all units that are printed."""
        return self.container.run("journalctl", "-n", "25", "-u", "mycel-runtime-*", check=False).stdout


class Tried:
    """One agent in the container."""

    def __init__(self, container, place):
        self.container, self.place = container, place
        self.config = f"{place.folder}/{place.name}.toml"
        self.unit = f"mycel-runtime-{place.name}"

    def shell(self, command, **options):
        return self.container.run("sh", "-c", command, **options)

    def command(self, *words, **options):
        """Of mycel-runtime, in the agent's folder."""
        line = shlex.join([PROGRAM, *words, "--config", self.config])
        return self.shell(f"cd {shlex.quote(self.place.folder)} && {line}", **options)

    def make(self):
        """Its files, and a token of its own; or all of it by `init`."""
        self.container.run("install", "-d", "-m", "0755", "-o", self.place.owner, self.place.folder)
        if self.place.is_initialised:
            self.command(
                "init", "--backend", "local", "--plugin", "echo", "--name", self.place.name, timeout=180
            )
            return
        made = self.container.run(PYTHON, "-c", MAKE, self.place.name).stdout
        token, owner = made.split()
        state = '\nstate_dir = "state"' if self.place.owner != "root" else ""
        text = f'[agent]\nname = "{self.place.name}"\nbase_url = "http://127.0.0.1:8042"{state}\n'
        self.container.put(self.config, f"{text}\n[plugins.echo]\n", 0o644)
        self.container.put(self.config.replace(".toml", ".token"), token, 0o600)
        self.container.put(f"/srv/{self.place.name}.owner", owner, 0o600)
        if self.place.owner != "root":
            self.container.put(
                self.config,
                text.replace(state, f'{state}\ntoken_file = "{self.place.name}.token"')
                + "\n[plugins.echo]\n",
            )
            self.shell(
                f"mkdir -p {self.place.folder}/state && chown -R agent: {self.place.folder}"
                f" && chmod {self.place.mode} {self.config} && chmod 0700 {self.place.folder}/state"
            )

    def start(self):
        """The unit, printed by the program in the container."""
        self.command("unit", "--folder", "/etc/systemd/system")
        self.container.run("systemctl", "daemon-reload")
        self.container.run("systemctl", "enable", "--now", self.unit, timeout=120)
        await_true(f"{self.place.name} is ready", lambda: self.status().get("ready"))

    def status(self):
        said = self.command("status", "--json", check=False).stdout
        return json.loads(said) if said.startswith("{") else {}

    def answers(self, text):
        """What it says to its owner."""
        speaker = [] if self.place.is_initialised else ["--token-file", f"/srv/{self.place.name}.owner"]
        return self.command("send", "--wait", "60", *speaker, text, timeout=120).stdout.strip()

    def found(self):
        """What `check` finds, without what is well."""
        said = json.loads(self.command("check", "--json", check=False).stdout)
        return [
            f"{each['level']} {each['name']}: {each['text']}"
            for each in said["findings"]
            if each["level"] in {"warning", "error"} and each["name"] != "sqlite"
        ]


def tried(row, machine, *, place):
    """One agent, from its files to a restart."""
    container = machine.container
    agent = Tried(container, place)
    agent.make()
    agent.start()
    _well(row, container, agent.unit)
    _says(row, agent, "one")
    container.run("systemctl", "restart", agent.unit, timeout=120)
    await_true("ready again", lambda: agent.status().get("ready"))
    _says(row, agent, "two")
    found = agent.found()
    row.hold(f"check finds nothing of {place.name}: {found}", that=not found)


def _well(row, container, unit):
    row.seen[unit] = exposure = exposure_of(container, unit)
    row.hold(f"exposure of {unit}: {exposure}", that=exposure <= EXPOSURE)
    said = container.run("systemd-analyze", "verify", "--man=no", f"{unit}.service", check=False)
    row.hold(f"verify of {unit} is silent: {said.stdout}{said.stderr}", that=not said.stdout + said.stderr)


def _says(row, agent, text):
    said = agent.answers(text)
    row.hold(f"{agent.place.name} answers {text}: {said}", that=said.endswith(text))


STEPS = tuple(partial(tried, place=place) for place in PLACES)
"""Of a row."""
