"""
The operator's guide from its first line, on a machine that has nothing of ours: a row with a container of its own.

The checkout lies there, and the packages that pip would fetch; the backend runs from a copy of the runtime that the
commands do not see. What stands in the sections is typed as it stands, and what it prints is compared.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from tests.acceptance.walk import is_as_shown
from tests.guide import ROOT, section
from tests.integration.systemd.container import RUN_SECONDS, Container, ContainerError
from tests.integration.systemd.resident import BACKEND_PORT, await_true, exposure_of, listens, serve
from tests.integration.systemd.rows import EXPOSURE

GUIDE = ROOT / "systemd/README.md"
CHECKOUT = "/srv/checkout"
ELSEWHERE = "/opt/backend"
UNIT = "mycel-runtime-codex-a.service"
CONFIG = "/etc/mycel-runtime/codex-a.toml"
PIP_SECONDS = 300.0
NEWER = "0.1.999"

LINES = 6
"""The last ones of a command that are shown at the end."""


class Machine:
    """One that somebody has for the first time."""

    def __init__(self, container, wheel):
        self.container = container
        self.typed = []
        container.run("mv", "/opt/mycel-runtime", ELSEWHERE)
        container.put(f"/opt/built/{wheel.name}", wheel)
        python = f"{ELSEWHERE}/bin/python"
        pip = (python, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps")
        container.run(*pip, f"/opt/built/{wheel.name}", timeout=PIP_SECONDS)
        serve(container, "backend", python, "-m", "mycel_runtime", "backend")
        await_true("the backend listens", lambda: listens(container, BACKEND_PORT, python))
        container.run("mkdir", CHECKOUT)
        container.run("tar", "-x", "-C", CHECKOUT, data=_checkout())
        # Stands for the network: where pip finds packages, also for the build.
        container.put(
            "/etc/pip.conf", "[global]\nno-index = true\n[install]\nrequirement = /opt/packages.txt\n"
        )
        container.put("/opt/packages.txt", "-f /opt/packages\n")

    def type(self, command, seconds=RUN_SECONDS):
        """In the checkout, with the program in the PATH once it is there."""
        line = f"cd {CHECKOUT} && PATH=/opt/mycel-runtime/bin:$PATH && {command}"
        return self.container.run("sh", "-c", line, timeout=seconds, check=False)

    def follow(self, row, heading):
        """What a section says; how many commands it took."""
        found = section(GUIDE, heading)
        for command, shown in found:
            done = self.type(command, PIP_SECONDS)
            self.typed += [f"# {command}", *(done.stdout + done.stderr).splitlines()[-LINES:]]
            if done.returncode:
                raise ContainerError(f"# {command}: exit {done.returncode}\n{done.stdout}{done.stderr}")
            row.hold(f"# {command}\n{done.stdout}", that=is_as_shown(done.stdout, shown))
        return len(found)

    def shown(self, unit, *names):
        """Properties of a unit, as systemd has them."""
        said = self.container.run("systemctl", "show", f"--property={','.join(names)}", unit).stdout
        return dict(line.split("=", 1) for line in said.splitlines())

    def mode(self, path):
        """Owner and mode of a file."""
        return self.container.run("stat", "--format=%U %a", path).stdout.strip()


def play(row, base, folder, wheel):
    """The row; raises ContainerError where something cannot even be tried."""
    with Container(base, folder) as container:
        machine = Machine(container, wheel)
        try:
            row.hold("nothing of ours is there", that=machine.type("command -v mycel-runtime").returncode)
            count = machine.follow(row, "In four commands")
            row.seen["commands until it runs"] = count - 1  # the last one only talks to it
            row.hold("four", that=count == 5)
            _healthy(row, machine, UNIT)
            _in_its_place(row, machine)
            _upgraded(row, machine)
            machine.follow(row, "A folder of agents in one unit")
            _healthy(row, machine, "mycel-runtime-agents.service")
            for name in ("ada", "bob"):
                _answers(row, machine, f"/etc/mycel-runtime/agents/{name}.toml", f"to {name}")
                path = f"/etc/mycel-runtime/tokens/{name}"
                row.hold(f"{path} is root's", that=machine.mode(path) == "root 600")
            _with_a_secret(row, machine)
        finally:
            row.transcript = machine.typed


def _healthy(row, machine, unit):
    """Enabled, ready, hardened, and nothing in it that systemd or `check` would have to warn of."""
    enabled = machine.type(f"systemctl is-enabled {unit}").stdout.strip()
    row.hold(f"{unit} is enabled: {enabled}", that=enabled == "enabled")
    shown = machine.shown(unit, "SubState", "NRestarts", "DynamicUser")
    well = {"SubState": "running", "NRestarts": "0", "DynamicUser": "yes"}
    row.hold(f"{unit} runs: {shown}", that=shown == well)
    verified = machine.type(f"systemd-analyze verify --man=no {unit}")
    said = verified.stdout + verified.stderr
    row.hold(f"verify of {unit} is silent: {said}", that=not said)
    row.seen["exposure"] = level = exposure_of(machine.container, unit)
    row.hold(f"exposure of {unit}: {level}", that=level <= EXPOSURE)
    config = CONFIG if unit == UNIT else "/etc/mycel-runtime/agents"
    await_true(
        f"{unit} hears", lambda: machine.type(f"mycel-runtime status --config {config}").returncode == 0
    )
    found = machine.type(f"mycel-runtime check --json --config {config}").stdout
    findings = [each for checkup in _documents(found) for each in checkup["findings"]]
    wrong = [each for each in findings if each["level"] in {"warning", "error"} and each["name"] != "sqlite"]
    row.hold(f"check finds nothing: {wrong}", that=findings and not wrong)


def _documents(text):
    """JSON documents that follow each other."""
    while text := text.lstrip():
        document, end = json.JSONDecoder().raw_decode(text)
        yield document
        text = text[end:]


def _in_its_place(row, machine):
    """What the guide's table says of files."""
    row.hold("the file is for everybody", that=machine.mode(CONFIG) == "root 644")
    row.hold("the token is root's", that=machine.mode(CONFIG.replace(".toml", ".token")) == "root 600")
    token = machine.container.run("cat", CONFIG.replace(".toml", ".token")).stdout.strip()
    credential = machine.container.run("cat", f"/run/credentials/{UNIT}/agent.token").stdout.strip()
    row.hold("the credential is the token", that=credential == token)
    owner, mode = machine.mode("/var/lib/private/mycel-runtime/codex-a/journal.sqlite3").split()
    row.hold(f"the journal is the unit's: {owner} {mode}", that=(owner != "root", mode) == (True, "600"))
    left = machine.type("find / -xdev -name 'journal.sqlite3' -user root").stdout
    row.hold(f"nothing ran as root: {left}", that=not left)
    shown = machine.type(f"mycel-runtime init --config {CONFIG}")
    row.hold(f"init shows the answer: {shown.stdout}", that="codex-a> echo: Hello" in shown.stdout)
    row.hold(f"and the unit's own commands: {shown.stdout}", that=f"enable --now {UNIT[:-8]}" in shown.stdout)


def _upgraded(row, machine):
    """The section *Upgrading*, with a newer version in the checkout."""
    machine.type(f"sed -i 's/^version = .*/version = \"{NEWER}\"/' pyproject.toml")
    machine.follow(row, "Upgrading")
    version = machine.type("mycel-runtime version").stdout.strip()
    row.hold(f"the new version is there: {version}", that=version == NEWER)
    row.seen["upgraded to"] = version
    unit = machine.container.run("cat", f"/etc/systemd/system/{UNIT}").stdout
    row.hold("the unit is printed by it", that=f"Made by mycel-runtime {NEWER}" in unit)
    _healthy(row, machine, UNIT)
    _answers(row, machine, CONFIG, "after the upgrade")
    said = machine.type(f"mycel-runtime read --config {CONFIG} --limit 200 --json").stdout.splitlines()
    texts = [json.loads(line)["content"] for line in said]
    for text in ("echo: hello", "echo: after the upgrade"):
        row.hold(f"{text} is said once: {texts}", that=texts.count(text) == 1)


def _with_a_secret(row, machine):
    """A plugin whose key is made by `init`: its unit hands that over, or the plugin would not start."""
    config = "/etc/mycel-runtime/hook.toml"
    plugin = "--plugin webhook --set url=http://127.0.0.1:9/"
    for command in (
        f"mycel-runtime init --config {config} --backend http://127.0.0.1:{BACKEND_PORT} --guest {plugin}",
        f"mycel-runtime unit --config {config} --install",
        "systemctl enable --now mycel-runtime-hook",
    ):
        done = machine.type(command)
        row.hold(f"# {command}\n{done.stdout}{done.stderr}", that=done.returncode == 0)
    key = "/etc/mycel-runtime/hook.webhook.key"
    row.hold(f"{key} is root's", that=machine.mode(key) == "root 600")
    status = f"mycel-runtime status --config {config}"
    await_true("hook hears", lambda: machine.type(status).returncode == 0)
    log = machine.type("journalctl --unit mycel-runtime-hook --no-pager").stdout
    row.hold(
        f"its plugin has started: {log}", that="plugin.start_failed" not in log and "daemon.started" in log
    )


def _answers(row, machine, config, text):
    said = machine.type(f"mycel-runtime send --config {config} --wait 60 '{text}'", 2 * RUN_SECONDS)
    row.hold(f"the answer: {said.stdout}{said.stderr}", that=said.stdout.strip() == f"echo: {text}")


def _checkout():
    """The files of this working copy that git knows or would take, as a tar archive."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listing, cwd=ROOT, capture_output=True, check=True, timeout=RUN_SECONDS).stdout
    there = b"\0".join(name for name in names.split(b"\0") if name and (Path(ROOT) / name.decode()).is_file())
    return subprocess.run(
        ["tar", "-c", "--null", "--files-from=-"],
        cwd=ROOT,
        input=there,
        capture_output=True,
        check=True,
        timeout=RUN_SECONDS,
    ).stdout
