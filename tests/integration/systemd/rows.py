"""What is tried with each kind of agent under its unit: functions of a resident that note what did not hold."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field

from tests.integration.systemd.resident import PROGRAM, PYTHON, await_true, serve

FORBIDDEN = (
    "writes what is open to all",
    "writes /etc",
    "writes the program",
    "sees another agent's folder",
    "sees homes of people",
    "reads root's token file",
    "has its path in the environment",
    "sees other users' processes",
    "opens a netlink socket",
    "makes a user namespace",
)
"""What no program may do, whatever its drop-in gives back."""

EXPOSURE = 1.5
RESTART_SECONDS = 60.0
BUSY_DRAIN_SECONDS = 8
DRAIN_SECONDS = 30.0
REFUSED = 77
WEBHOOK_KEY = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"


@dataclass
class Row:
    """What was seen of one resident: figures by name, what did not hold, and what was typed and printed."""

    name: str
    seen: dict = field(default_factory=dict)
    problems: list = field(default_factory=list)
    transcript: list = field(default_factory=list)

    def hold(self, what, *, that):
        if not that:
            self.problems.append(what)


def ready(row, resident):
    row.seen["READY s"] = round(resident.start(), 1)
    shown = resident.shown("SubState", "StatusText", "NRestarts")
    row.hold(f"it runs, and says so: {shown}", that=shown["SubState"] == "running" and shown["StatusText"])
    row.seen["exposure"] = exposure = resident.exposure()
    row.hold(f"exposure {exposure}", that=exposure <= EXPOSURE)
    verified = resident.verified()
    row.hold(f"verify is silent: {verified}", that=not verified)


def received(_, resident):
    """The receiver of a webhook, as a service of its own: it calls back on the plugin's socket."""
    key = f"/etc/mycel-runtime/{resident.name}.key"
    resident.container.put(key, WEBHOOK_KEY, 0o600)
    receiver = ("/usr/bin/python3", "/opt/agents/receiver.py", "8300", key)
    serve(
        resident.container, "receiver", *receiver, f"{resident.state}/webhook.sock", f"/tmp/{resident.name}"
    )


def answers(row, resident):
    resident.say("hello")
    heard = resident.answer_to("hello")
    row.hold(f"the answer to hello: {heard}", that=heard == "heard hello")


def confined(row, resident, allowed):
    """`allowed`: what its drop-in gives back, and what the unit leaves."""
    resident.say("probe")
    found = json.loads(resident.answer_to("probe"))
    row.seen["may"] = sorted(what for what, may in found.items() if may)
    for what in FORBIDDEN:
        row.hold(f"forbidden: {what}", that=found[what] is False)
    for what in allowed:
        row.hold(f"given back: {what}", that=found[what] is True)
    memory = "maps memory writable and executable"
    row.hold(f"{memory}: {found[memory]}", that=found[memory] == (memory in allowed))


def killed(row, resident):
    """SIGKILL of the main process while its handler works: started again, the answer said once."""
    before = resident.restarts()
    resident.say("slow-kill")
    resident.await_busy("slow-kill")
    began = time.monotonic()
    resident.systemctl("kill", "--kill-who=main", "--signal=KILL")
    await_true("it is started again", lambda: resident.restarts() == before + 1, RESTART_SECONDS)
    row.hold("the answer", that=resident.answer_to("slow-kill") == "heard slow-kill")
    row.seen["KILL to answer s"] = round(time.monotonic() - began, 1)
    once(row, resident, "slow-kill")


def stopped(row, resident):
    """TERM with a busy handler: it ends, its answer is said, and the unit stops cleanly."""
    resident.say("slow-stop")
    resident.await_busy("slow-stop")
    began = time.monotonic()
    resident.systemctl("stop")
    row.seen["TERM s"] = seconds = round(time.monotonic() - began, 1)
    row.hold(f"stopped within the drain and a second: {seconds}", that=seconds <= DRAIN_SECONDS + 1)
    shown = resident.shown("Result", "ExecMainStatus", "ActiveState")
    clean = {"Result": "success", "ExecMainStatus": "0", "ActiveState": "inactive"}
    row.hold(f"a clean end: {shown}", that=shown == clean)
    resident.start()
    row.hold("the answer", that=resident.answer_to("slow-stop") == "heard slow-stop")
    resident.say("after")
    row.hold("the next", that=resident.answer_to("after") == "heard after")
    once(row, resident, "slow-stop", "hello", "slow-kill", "after")


def refused(row, resident):
    """A token that the backend refuses: 77, and no other start."""
    resident.container.put(f"/etc/mycel-runtime/{resident.name}.token", "refused", 0o600)
    resident.systemctl("restart", check=False)
    settled = {"failed", "dead", "auto-restart"}
    await_true("it ends", lambda: resident.shown("SubState")["SubState"] in settled, RESTART_SECONDS)
    shown = resident.shown("ActiveState", "SubState", "ExecMainStatus")
    # One that is to be started again is `activating`, `auto-restart` from this moment on.
    ended = {"ActiveState": "failed", "SubState": "failed", "ExecMainStatus": str(REFUSED)}
    row.hold(f"ended for good: {shown}", that=shown == ended)


def reloaded(row, resident):
    """`systemctl reload` waits until the file was read, and fails if it is wrong; so does nothing with HUP."""
    edited = resident.plugin.replace("heard ", "understood ")
    resident.configure(edited)
    began = time.monotonic()
    resident.systemctl("reload")
    row.seen["reload s"] = round(time.monotonic() - began, 1)
    row.hold("it was read when reload returns", that=resident.status()["reload"]["at"] is not None)
    resident.say("changed")
    row.hold("the new setting", that=resident.answer_to("changed") == "understood changed")
    resident.configure(edited + "prefiks = 1\n")
    failed = resident.systemctl("reload", check=False)
    row.hold(f"reload of a wrong file fails: {failed.returncode}", that=failed.returncode != 0)
    before = resident.status()["reload"]["at"]
    resident.systemctl("kill", "--kill-who=main", "--signal=HUP")
    await_true("HUP is heard", lambda: resident.status()["reload"]["at"] > before)
    row.hold("it is told", that="prefiks" in resident.status()["reload"]["refused"])
    row.hold(
        f"and to systemctl: {resident.shown('StatusText')}",
        that="refused" in resident.shown("StatusText")["StatusText"],
    )
    shown = resident.shown("SubState", "NRestarts")
    row.hold(f"the runtime lives: {shown}", that=shown == {"SubState": "running", "NRestarts": "0"})
    resident.say("wrong")
    row.hold("nothing has changed", that=resident.answer_to("wrong") == "understood wrong")
    resident.configure(resident.plugin)
    resident.systemctl("reload")
    row.hold("right again", that=not resident.status()["reload"]["refused"])


QUICK_SECONDS = 3
LONG_SECONDS = 300
BUSY = [f"quick{number} {QUICK_SECONDS}" for number in range(10)] + [
    f"long{number} {LONG_SECONDS}" for number in range(10)
]


def busy(row, resident):
    """TERM with 20 busy handlers, half of which end in time: within the drain and 1 s, none lost, none doubled."""
    resident.open_chats(BUSY)
    find = ("find", resident.state, "-name", "busy-*")
    await_true("all are busy", lambda: len(resident.container.run(*find).stdout.splitlines()) == len(BUSY))
    began = time.monotonic()
    resident.systemctl("stop")
    row.seen["TERM s"] = seconds = round(time.monotonic() - began, 1)
    row.hold(f"stopped within the drain and a second: {seconds}", that=seconds <= BUSY_DRAIN_SECONDS + 1)
    shown = resident.shown("Result", "ExecMainStatus")
    row.hold(f"a clean end: {shown}", that=shown == {"Result": "success", "ExecMainStatus": "0"})
    ended = sum(len(said) == 2 for said in resident.heard_in_chats(BUSY).values())
    row.hold(f"those that could have ended: {ended}", that=ended == len(BUSY) / 2)
    resident.start()

    def all_done():
        return all(len(said) >= 2 for said in resident.heard_in_chats(BUSY).values())

    await_true("the others are done", all_done, 120.0)
    expected = {word: [f"heard {word.split()[0]}", f"done {word.split()[0]}"] for word in BUSY}
    said = resident.heard_in_chats(BUSY)
    row.seen["lost"] = sum(len(set(expected[word]) - set(said[word])) for word in BUSY)
    row.seen["doubled"] = sum(len(each) - len(set(each)) for each in said.values())
    row.hold(f"each once and in order: {said}", that=said == expected)


def long_drain(row, resident):
    """A drain that takes longer than TimeoutStopSec is given the time, because the daemon says that it goes on."""
    resident.open_chats(["late 12"])
    await_true(
        "it is busy", lambda: resident.container.run("find", resident.state, "-name", "busy-late").stdout
    )
    began = time.monotonic()
    resident.systemctl("stop")
    row.seen["TERM s"] = round(time.monotonic() - began, 1)
    shown = resident.shown("Result", "ExecMainStatus", "TimeoutStopUSec")
    clean = {"Result": "success", "ExecMainStatus": "0", "TimeoutStopUSec": "5s"}
    row.hold(f"a clean end beyond the limit: {shown}", that=shown == clean and row.seen["TERM s"] > 5)
    row.hold(
        "its words", that=resident.heard_in_chats(["late 12"]) == {"late 12": ["heard late", "done late"]}
    )


def rotated(row, resident):
    """A renewed token is a credential after the next start; a refused one ends with 77, and a good one mends that."""
    renewed = resident.mint()
    row.hold("it is another one", that=renewed != resident.tokens["agent"])
    resident.container.put(resident.token_file, renewed, 0o600)
    path = f"/run/credentials/{resident.unit}/agent.token"
    resident.systemctl("reload")
    stale = resident.container.run("cat", path).stdout.strip()
    row.hold("systemd copies it at the start only", that=stale == resident.tokens["agent"])
    for verb in ("reload", "status"):
        told = resident.container.run(PROGRAM, verb, "--config", resident.config).stderr.strip()
        restart = f"systemctl restart {resident.unit.removesuffix('.service')}"
        row.hold(f"{verb} tells root of the restart: {told}", that=told.endswith(restart))
    resident.say("meanwhile")
    resident.systemctl("restart")
    told = resident.container.run(PROGRAM, "status", "--config", resident.config).stderr
    row.hold(f"and is content then: {told}", that=not told)
    row.hold("the new one is there", that=resident.container.run("cat", path).stdout.strip() == renewed)
    row.hold("the answer", that=resident.answer_to("meanwhile") == "heard meanwhile")
    refused(row, resident)
    resident.container.put(resident.token_file, renewed, 0o600)
    resident.say("mended")
    resident.start()
    row.hold("it is back", that=resident.answer_to("mended") == "heard mended")
    once(row, resident, "meanwhile", "mended")


def with_a_neighbour(row, resident):
    """Two agents in one unit, each with its own token and folder; a wrong file of one disturbs nobody."""
    neighbour = resident.neighbour
    neighbour.make()
    ready(row, resident)
    for each in (resident, neighbour):
        each.say("hello")
        row.hold(f"{each.name} answers", that=each.answer_to("hello") == "heard hello")
        token = resident.container.run("cat", f"/run/credentials/{resident.unit}/token_{each.name}").stdout
        row.hold(f"{each.name} has a credential of its own", that=token == each.tokens["agent"])
        row.hold(f"root finds {each.name}", that=each.status()["ready"])
    neighbour.configure(neighbour.plugin + "prefiks = 1\n")
    resident.configure(resident.plugin.replace("heard ", "understood "))
    failed = resident.systemctl("reload", check=False)
    row.hold(f"reload fails for the wrong one: {failed.returncode}", that=failed.returncode != 0)
    resident.say("changed")
    row.hold("and is done for the other", that=resident.answer_to("changed") == "understood changed")
    neighbour.say("as before")
    row.hold("which lives as before", that=neighbour.answer_to("as before") == "heard as before")
    before = resident.restarts()
    resident.systemctl("kill", "--kill-who=main", "--signal=KILL")
    await_true("it is started again", lambda: resident.restarts() == before + 1, RESTART_SECONDS)
    resident.say("again")
    row.hold("the answer after SIGKILL", that=resident.answer_to("again") == "understood again")
    others = f"import os; os.setgid(65534); os.setuid(65534); os.listdir('/run/credentials/{resident.unit}')"
    other = resident.container.run(PYTHON, "-c", others, check=False)
    row.hold(f"others see no credential: {other.stderr[-80:]}", that="PermissionError" in other.stderr)


def unreadable(row, resident):
    """The credential: the daemon's user alone reads it."""
    path = f"/run/credentials/{resident.unit}/agent.token"
    root = resident.container.run("cat", path).stdout
    row.hold("root reads the token there", that=root.strip() == resident.tokens["agent"])
    read = f"import os; os.setgid(65534); os.setuid(65534); open({path!r}).read()"
    other = resident.container.run(PYTHON, "-c", read, check=False)
    row.hold(f"others do not: {other.stderr[-80:]}", that="PermissionError" in other.stderr)


def hung(row, resident):
    """A process that hangs is ended by the watchdog, and answers again within 90 s."""
    before = resident.restarts()
    began = time.monotonic()
    resident.systemctl("kill", "--kill-who=main", "--signal=STOP")
    resident.say("hung")
    await_true("the watchdog ends it", lambda: resident.restarts() == before + 1, 150.0)
    await_true("READY again", lambda: resident.shown("SubState")["SubState"] == "running")
    row.seen["STOP to READY s"] = seconds = round(time.monotonic() - began, 1)
    row.hold(f"within 90 s: {seconds}", that=seconds <= 90)
    row.hold("the answer", that=resident.answer_to("hung") == "heard hung")
    once(row, resident, "hung")


def hungry(row, resident):
    """A program that wants more than MemoryMax is ended by the kernel; the runtime lives, the next is answered."""
    resident.say("hungry")
    await_true("the program is ended", lambda: "ended by SIGKILL" in resident.log())
    resident.say("hello")
    row.hold("the answer", that=resident.answer_to("hello") == "heard hello")
    row.hold("nothing is said for hungry", that=not resident.replies("heard hungry"))
    shown = resident.shown("SubState", "NRestarts")
    row.hold(f"the runtime lives: {shown}", that=shown == {"SubState": "running", "NRestarts": "0"})


def on_a_small_disk(_, resident):
    """The state directory has a disk of its own, of 8 MiB."""
    mount = f"mkdir -p {resident.state} && mount -t tmpfs -o size=8M,mode=0700 tmpfs {resident.state}"
    resident.container.run("sh", "-c", f"mkdir -p -m 0700 /var/lib/private && {mount}")


def filled(row, resident):
    """A full disk: the runtime ends, is started again, and answers once, at the latest when there is space again."""
    fill = f"{resident.state}/fill"
    full = resident.container.run("dd", "if=/dev/zero", f"of={fill}", "bs=4096", check=False)
    row.hold("the disk is full", that="No space left" in full.stderr)
    before = resident.restarts()
    resident.say("full")
    await_true("it ends and is started again", lambda: resident.restarts() > before, 2 * RESTART_SECONDS)
    began = time.monotonic()
    resident.container.run("rm", fill)
    row.hold("the answer", that=resident.answer_to("full") == "heard full")
    row.seen["space to answer s"] = round(time.monotonic() - began, 1)
    once(row, resident, "hello", "full")


def tools(row, resident):
    """An MCP client answers, over loopback HTTP, as the agent that lives in the unit."""
    resident.say("tools")
    token = f"/srv/owner/{resident.name}.mcp"
    options = ("mcp", "--config", resident.config, "--http", "8200", "--token-file", token)
    serve(resident.container, f"mcp-{resident.name}", PROGRAM, *options)
    call = (PYTHON, "/opt/agents/tools.py", "8200", token)

    def said():
        done = resident.container.run(*call, check=False)
        row.seen["mcp"] = (done.stdout + done.stderr).strip().splitlines()[-1:]
        return done.stdout.strip() == "said"

    await_true(f"the tool replies: {row.seen}", said)
    row.hold("the answer", that=resident.answer_to("tools") == "heard tools")
    once(row, resident, "tools")


def compiles_with_the_drop_in_only(row, resident):
    """V8 ends at its start in the bare unit, the runtime lives on; with the drop-in the same message is answered."""
    await_true("the agent does not start", lambda: "plugin.start_failed" in resident.log())
    resident.say("hello")
    shown = resident.shown("SubState", "NRestarts")
    row.hold(f"the runtime lives: {shown}", that=shown == {"SubState": "running", "NRestarts": "0"})
    row.hold("nothing is said", that=len(resident.conversation()) == 1)
    resident.give("node")
    resident.systemctl("restart")
    row.hold("the answer", that=resident.answer_to("hello") == "heard hello")
    once(row, resident, "hello")


def once(row, resident, *words):
    """Each word is answered once."""
    for word in words:
        count = len(resident.replies(f"heard {word}"))
        row.hold(f"{word} answered once: {count}", that=count == 1)
