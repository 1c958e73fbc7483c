"""One wrong file of three in the unit of a folder, printed for it: two live, all is told, and a reload mends it."""

from __future__ import annotations

from dataclasses import dataclass

from tests.integration.systemd.printed import MAKE
from tests.integration.systemd.resident import BACKEND_PORT, PROGRAM, PYTHON, await_true, exposure_of
from tests.integration.systemd.rows import EXPOSURE

FOLDER = "/srv/crew"
UNIT = "mycel-runtime-crew.service"
NAMES = ("ada", "bob", "cy")
FILE = """[agent]
name = "{name}"
base_url = "http://127.0.0.1:{port}"
token_file = "{name}.token"

[plugins.echo]
"""
WRONG = "prefiks = 1\n"


@dataclass
class Crew:
    """Three agents, whose tokens lie beside their files, in a unit that was printed while all were right."""

    container: object

    def make(self):
        """All of it, but the start."""
        for name in NAMES:
            token, owner = self.container.run(PYTHON, "-c", MAKE, name).stdout.split()
            self.container.put(f"{FOLDER}/{name}.token", token, 0o600)
            self.container.put(f"/srv/owner/{name}.crew", owner, 0o600)
            self.write(name)
        self.command("unit", "--install", "--config", FOLDER)

    def write(self, name, more=""):
        """An agent's file."""
        self.container.put(f"{FOLDER}/{name}.toml", FILE.format(name=name, port=BACKEND_PORT) + more)

    def command(self, *words, check=True):
        return self.container.run(PROGRAM, *words, check=check, timeout=120)

    def systemctl(self, *words, check=True):
        return self.container.run("systemctl", *words, UNIT, check=check, timeout=120)

    def shown(self, *names):
        lines = self.systemctl("show", f"--property={','.join(names)}").stdout.splitlines()
        return dict(line.split("=", 1) for line in lines)

    def answer_of(self, name, text):
        speaker = ("--config", f"{FOLDER}/{name}.toml", "--token-file", f"/srv/owner/{name}.crew")
        return self.command("send", "--wait", "60", *speaker, text).stdout.strip()

    def log(self):
        return self.container.run("journalctl", "--unit", UNIT, "-n", "40", "--no-pager", check=False).stdout


def _answer(row, crew, names, text):
    for name in names:
        said = crew.answer_of(name, text)
        row.hold(f"{name} answers {text}: {said}", that=said == f"echo: {text}")


def wrong_at_the_start(row, crew):
    """Two of three live, and whoever asks is told of the third."""
    crew.write("bob", WRONG)
    crew.systemctl("enable", "--now")
    row.seen["exposure"] = exposure = exposure_of(crew.container, UNIT)
    row.hold(f"exposure {exposure}", that=exposure <= EXPOSURE)
    verified = crew.container.run("systemd-analyze", "verify", "--man=no", UNIT, check=False)
    row.hold(f"verify is silent: {verified.stderr}", that=not verified.stdout + verified.stderr)
    _answer(row, crew, ("ada", "cy"), "one")
    log = crew.log()
    row.hold("the log tells", that="config.refused" in log and "bob.toml" in log and "prefiks" in log)
    status = crew.command("status", "--config", FOLDER, check=False)
    row.seen["status"] = status.returncode
    row.hold(f"status tells: {status.stdout}{status.stderr}", that=status.returncode == 78)
    row.hold(
        f"what and where: {status.stderr}", that="bob.toml" in status.stderr and "prefiks" in status.stderr
    )
    row.hold(f"and of the others: {status.stdout}", that={"ada", "cy"} <= set(status.stdout.split()))


def mended(row, crew):
    """A reload fails while it is wrong, and has the agent join when it is right; nobody is restarted."""
    failed = crew.systemctl("reload", check=False)
    row.hold(f"reload fails: {failed.returncode}", that=failed.returncode != 0)
    main = crew.shown("MainPID")
    crew.write("bob")
    crew.systemctl("reload")
    _answer(row, crew, NAMES, "two")
    status = crew.command("status", "--config", FOLDER, check=False)
    row.hold(f"status is well: {status.stdout}{status.stderr}", that=status.returncode == 0)
    row.hold("it is the same process", that=crew.shown("MainPID") == main)
    found = crew.command("check", "--config", FOLDER, check=False)
    row.hold(f"check finds no difference: {found.stdout}", that="is not what" not in found.stdout)


def without_a_token(row, crew):
    """A token that is missing keeps away its own agent, not the unit; at the end the exit code tells."""
    token = crew.container.run("cat", f"{FOLDER}/bob.token").stdout
    crew.container.run("rm", f"{FOLDER}/bob.token")
    crew.systemctl("restart")
    _answer(row, crew, ("ada", "cy"), "three")
    row.hold("the log tells of the token", that=f"{FOLDER}/bob.token" in crew.log())
    crew.systemctl("stop")
    ended = crew.shown("ExecMainStatus", "ActiveState")
    row.seen["exit"] = ended["ExecMainStatus"]
    row.hold(f"the exit code tells: {ended}", that=ended == {"ExecMainStatus": "78", "ActiveState": "failed"})
    crew.container.put(f"{FOLDER}/bob.token", token, 0o600)
    crew.systemctl("start")
    await_true(
        "all are ready", lambda: crew.command("status", "--config", FOLDER, check=False).returncode == 0
    )
    _answer(row, crew, NAMES, "four")


STEPS = (wrong_at_the_start, mended, without_a_token)
"""Of a row."""
