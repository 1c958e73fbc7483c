"""One process of many agents, their backend, another one that may fail, and the people who talk with all of them."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from mycel_runtime.daemon.control import give_order
from mycel_runtime.errors import MycelError
from tests.integration.isolation_of_agents.answer_times import Phase
from tests.integration.isolation_of_agents.backend_process import DEADLINE, BackendProcess

HERE = Path(__file__).parent
ROOT = HERE.parents[2]

COMMAND_CHATS = 6

AGENT = """\
[agent]
name = "{name}"
base_url = "{base_url}"
token_file = "{folder}/{name}.token"
state_dir = "{state}"

[log]
level = "warning"
format = "json"

[daemon]
drain_timeout = 1.0

"""

NEIGHBOUR = f'[plugins.neighbour]\npath = "{HERE}/neighbour.py"\n'

VICTIM = """\
[dispatch]
concurrency = 16
quarantine_after = 10000

[guard]
chat_sends = 1000000
plugin_sends = 1000000

[plugins.victim]
path = "{folder}/victim.py"

[plugins.apart]
path = "{folder}/apart.py"
isolation = "process"
"""


class NotHereError(Exception):
    """This machine has not what it takes to bring the fault about."""


@dataclass
class Victim:
    """
    The agent that fails.

    Attributes:
        config, token, state: Its file, the file of its token, its state directory.
        backend: Its own.
        direct: The chat in which somebody talks with it all the time.
        chats: In which it is told what to do, each with the human who does.
        process: Of all agents.
    """

    name: str
    config: Path
    token: Path
    state: Path
    backend: BackendProcess
    human: str
    direct: str
    chats: list[tuple[str, str]]
    process: subprocess.Popen

    @property
    def journal(self):
        """Its file."""
        return self.state / "journal.sqlite3"

    def say(self, text):
        """As the one who talks with it all the time."""
        self._say(self.human, self.direct, text)

    def command(self, text):
        """In all chats of those who do."""
        for human, chat_id in self.chats:
            self._say(human, chat_id, text)

    def _say(self, human, chat_id, text):
        self.backend.do("ask", "say", user_id=human, chat_id=chat_id, content=text)

    def fail_calls(self, fault, *args, **kwargs):
        """Of its backend, from now on; as of `Faults`."""
        self.backend.do(f"faults.{fault}", *args, **kwargs)

    def reload(self):
        """All files of the process."""
        self.process.send_signal(signal.SIGHUP)


@dataclass
class Stage:
    """
    Attributes:
        folder: Of everything.
        near: The backend of those that are well.
        far: That of the one that fails.
        rate: Messages a second that people send to those that are well.
    """

    folder: Path
    near: BackendProcess
    far: BackendProcess
    rate: float
    human: str = ""
    chats: list[str] = field(default_factory=list)
    process: subprocess.Popen = None
    is_far_hanging: bool = False
    _numbers: itertools.count = field(default_factory=lambda: itertools.count(1))
    _victims: itertools.count = field(default_factory=lambda: itertools.count(1))
    _heard: dict[str, int] = field(default_factory=dict)

    @property
    def agents(self):
        """The folder with their files."""
        return self.folder / "agents"

    # The agents

    def settle(self, neighbours):
        """Write the files of so many, and start their process."""
        self.agents.mkdir()
        for name in ("victim.py", "apart.py"):
            shutil.copy(HERE / name, self.folder)
        (self.folder / "victims").mkdir()
        self.human = self.near.do("ask", "add_guest", name="people")["id"]
        for number in range(neighbours):
            name = f"n{number}"
            self._write(name, self.near, self.human, self.folder / "states" / name, NEIGHBOUR)
            self.chats.append(self.near.do("ask", "open_direct", user_id=self.human, other_id=name)["id"])
        self._start()
        lost = self.converse(len(self.chats) / self.rate).lost
        assert not lost, f"{lost} agents did not answer:\n{self.log()}"

    def _write(self, name, backend, owner, state, plugins):
        made = backend.do("ask", "add_external", owner_id=owner, user_id=name, name=name)
        token = self.folder / f"{name}.token"
        token.touch(mode=0o600)
        token.write_text(made["token"])
        text = AGENT.format(name=name, base_url=backend.base_url, folder=self.folder, state=state)
        (self.agents / f"{name}.toml").write_text(text + plugins)
        return token

    def _start(self):
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
        if library := _slow_disk(self.folder):
            environment |= {"LD_PRELOAD": str(library), "SLOW_DISK": str(self.folder / "victims")}
        with (self.folder / "log").open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "mycel_runtime", "run", "--config", self.agents],
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    @contextlib.contextmanager
    def victim(self, *, has_small_disk=False):
        """Another agent, which joins the process, and answers; when the block ends, so does it."""
        name = f"v{next(self._victims)}"
        state = self.folder / "victims" / name
        human = self.far.do("ask", "add_guest", name="people")["id"]
        with small_disk(state) if has_small_disk else contextlib.nullcontext():
            token = self._write(name, self.far, human, state, VICTIM.format(folder=self.folder))
            others = [self.far.do("ask", "add_guest", name="guest")["id"] for _ in range(COMMAND_CHATS)]
            victim = Victim(
                name=name,
                config=self.agents / f"{name}.toml",
                token=token,
                state=state,
                backend=self.far,
                human=human,
                direct=self._direct(human, name),
                chats=[(each, self._direct(each, name)) for each in others],
                process=self.process,
            )
            try:
                victim.reload()
                self._wait_answer(victim)
                yield victim
            finally:
                self.far.do("faults.clear")
                self._dismiss(victim)

    def _direct(self, human, name):
        return self.far.do("ask", "open_direct", user_id=human, other_id=name)["id"]

    def _wait_answer(self, victim):
        victim.say("0")
        deadline = time.monotonic() + DEADLINE
        while not any(each["content"] == "re 0" for each in self._said(victim)):
            assert time.monotonic() < deadline, f"{victim.name} does not answer:\n{self.log()}"
            time.sleep(0.05)

    def _said(self, victim):
        return self.far.do("ask", "messages", chat_id=victim.direct)

    def _dismiss(self, victim):
        """Also one that has ended, or answers to nothing."""
        with contextlib.suppress(MycelError, OSError):
            give_order(victim.state, "drain", within=DEADLINE)
        victim.config.unlink(missing_ok=True)
        victim.reload()

    # The people

    def converse(self, seconds, victim=None):
        """Talk with all for so long, and wait for the answers of those that are well."""
        numbers, began = [], time.monotonic()
        while (due := began + len(numbers) / self.rate) < began + seconds:
            time.sleep(max(0.0, due - time.monotonic()))
            numbers.append(number := next(self._numbers))
            chat_id = self.chats[number % len(self.chats)]
            self.near.do("ask", "say", user_id=self.human, chat_id=chat_id, content=f"{number}")
            if victim is not None and number % 4 == 0:
                self._talk_with(victim, number)
        return self._answers(numbers)

    def _talk_with(self, victim, number):
        if not self.is_far_hanging:
            with contextlib.suppress(RuntimeError):  # It is down.
                victim.say(f"{number}")

    def _answers(self, numbers):
        messages, deadline = [], time.monotonic() + DEADLINE
        while True:
            messages.extend(self._overheard())
            found = Phase.of(messages, numbers)
            if not found.lost or time.monotonic() > deadline:
                return found
            time.sleep(0.05)

    def _overheard(self):
        new = self.near.do("ask", "overhear", user_id=self.human, after=self._heard)
        for message in new:
            self._heard[message["chat_id"]] = message["seq"]
        return new

    # The process

    def log(self):
        """The end of it."""
        return (self.folder / "log").read_text()[-3000:]

    def stop(self):
        """Its exit code; SIGKILL if it does not stop."""
        self.process.terminate()
        try:
            return self.process.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()


@contextlib.contextmanager
def stage(folder, *, neighbours, rate):
    """Two backends, and a process in which so many agents have answered."""
    with BackendProcess() as near, BackendProcess() as far:
        made = Stage(folder, near, far, rate)
        try:
            made.settle(neighbours)
            yield made
        finally:
            if made.process is not None:
                made.stop()


@contextlib.contextmanager
def small_disk(folder):
    """Of four megabytes, in memory."""
    folder.mkdir(mode=0o700)
    command = ["mount", "-t", "tmpfs", "-o", "size=4M,mode=700", "none", folder]
    if subprocess.run(command, check=False, stderr=subprocess.DEVNULL).returncode:
        raise NotHereError("nothing can be mounted: be root")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def _slow_disk(folder):
    """The library; `None` without a C compiler, or elsewhere than on Linux."""
    if sys.platform != "linux" or (compiler := shutil.which("cc")) is None:
        return None
    library = folder / "slow_disk.so"
    command = [compiler, "-O1", "-Wall", "-shared", "-fPIC", "-o", library, HERE / "slow_disk.c"]
    subprocess.run(command, check=True, timeout=60)
    return library
