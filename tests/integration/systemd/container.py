"""
A machine of its own with systemd as PID 1: its own mounts, processes, network, names and control groups.

`with Container(base) as container` boots a copy of the system in the folder `base`, which `install.sh` makes; what is
changed in it is in memory and gone at the end. `/tmp` and `/run` are its own, loopback is its only network, and its
control groups are below one that was made for it, so that nothing in it reaches a process or a mount of this machine.
`missing(base)` says why none can be made. Needs root.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

BOOT_SECONDS = 90.0
STOP_SECONDS = 30.0
RUN_SECONDS = 60.0
GROUPS = Path("/sys/fs/cgroup")
PROGRAMS = ("systemd-nspawn", "unshare", "nsenter")

BOOT = """
set -eu
base=$1 folder=$2
shift 2
mount -t tmpfs -o mode=0755 tmpfs "$folder"
mkdir "$folder/upper" "$folder/work" "$folder/root"
mount -t overlay -o "lowerdir=$base,upperdir=$folder/upper,workdir=$folder/work" overlay "$folder/root"
for group in "$@"; do echo $$ >"$group/cgroup.procs"; done
exec systemd-nspawn --quiet --directory="$folder/root" --boot --register=no --keep-unit --private-network \\
  --link-journal=no --console=pipe --machine="units-$$" --hostname=units --resolv-conf=off --timezone=off \\
  systemd.unit=multi-user.target
"""
"""Run by a shell in a mount namespace of its own, with the base, the folder, and the control groups."""


class ContainerError(Exception):
    """The machine did not do, or not in time, what was asked."""


class BootError(ContainerError):
    """No machine could be made."""


def missing(base):
    """Why no machine can be made of `base`, or an empty text."""
    if os.geteuid() != 0:
        return "only root can make namespaces, mounts and control groups"
    if absent := [program for program in PROGRAMS if shutil.which(program) is None]:
        return f"{', '.join(absent)}: not installed (apt-get install systemd-container)"
    if not (base / "lib/systemd/systemd").exists():
        return f"no system in {base}: tests/integration/systemd/install.sh makes it"
    tried = subprocess.run(
        ["unshare", "--mount", "--pid", "--fork", "--ipc", "--uts", "--net", "--cgroup", "true"],
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS,
        check=False,
    )
    return tried.stderr.strip()


class Container:
    """Booted by `with`, which raises BootError if it is not up in time; ended with all that runs in it."""

    def __init__(self, base, folder):
        """`base`: the system; `folder`: an empty one, which becomes a mount that nobody else sees."""
        self._base = Path(base).resolve()
        self._folder = Path(folder)
        self._log = self._folder.with_suffix(".console")
        self._groups = {}
        self._nspawn = None
        self._leader = 0

    def __enter__(self):
        try:
            self._boot()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def _boot(self):
        self._folder.mkdir(parents=True)
        name = f"container-{os.getpid()}-{self._folder.name}"
        self._groups = {controller: _made(group / name) for controller, group in _own_groups().items()}
        shell = ["unshare", "--mount", "--propagation", "private", "sh", "-c", BOOT, "sh"]
        with self._log.open("wb") as log:
            self._nspawn = subprocess.Popen(
                [*shell, self._base, self._folder, *self._groups.values()],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._wait("systemd is there", self._found_leader, BOOT_SECONDS)
        self._wait("it has booted", self._is_up, BOOT_SECONDS)
        self._delegate()

    def _found_leader(self):
        self._leader = next((pid for pid in _descendants(self._nspawn.pid) if _is_first(pid)), 0)
        return self._leader and (self.root / "run/systemd/private").exists()

    def _delegate(self):
        """nspawn mounts the resource controllers of version 1 read-only: limits of units limit nothing, unsaid."""
        for controller in self._groups:
            self.run("sh", "-c", f"mount -o remount,rw,bind {GROUPS}/{controller} 2>/dev/null || true")
        # Which controllers there are, it looks once.
        self.run("systemctl", "daemon-reexec")

    def _is_up(self):
        state = self.run("systemctl", "is-system-running", check=False).stdout.strip()
        return state in {"running", "degraded"}

    def _wait(self, what, condition, seconds):
        ends_at = time.monotonic() + seconds
        while not condition():
            if self._nspawn.poll() is not None or time.monotonic() > ends_at:
                raise BootError(f"not in {seconds:.0f} s: {what}\n{self.console()}")
            time.sleep(0.1)

    def console(self):
        """The last of what the machine has written to its console."""
        return self._log.read_text(errors="replace")[-4000:] if self._log.exists() else ""

    @property
    def root(self):
        """The folder through which its files can be read and written from here."""
        return Path(f"/proc/{self._leader}/root")

    def run(self, *command, check=True, timeout=RUN_SECONDS, data=b""):
        """Run a program in it, as its root; `data` is its input. Raises ContainerError, TimeoutExpired."""
        into = ["nsenter", f"--target={self._leader}", "--all", "--wdns=/", "env", "-i", *_ENVIRONMENT]
        done = subprocess.run(
            [*into, *map(str, command)], input=data, capture_output=True, timeout=timeout, check=False
        )
        done.stdout, done.stderr = (each.decode(errors="replace") for each in (done.stdout, done.stderr))
        if check and done.returncode:
            raise ContainerError(
                f"{' '.join(map(str, command))}: exit {done.returncode}\n{done.stdout}{done.stderr}"
            )
        return done

    def put(self, path, content, mode=0o644):
        """Write a file of it, with its folders; `content` is text or a path of this machine."""
        self.run("install", "-D", "-m", f"{mode:o}", "/dev/stdin", path, data=_bytes(content))

    def close(self):
        """End it and all in it, and take away what was made for it."""
        if self._nspawn is not None and self._nspawn.poll() is None:
            self._nspawn.terminate()
            try:
                self._nspawn.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                # The first process of its process namespace: whatever runs there ends with it.
                os.kill(self._leader or self._nspawn.pid, signal.SIGKILL)
                self._nspawn.kill()
                self._nspawn.wait(STOP_SECONDS)
        for group in self._groups.values():
            _remove(group)
        self._groups = {}


_ENVIRONMENT = (
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LANG=C.UTF-8",
    "HOME=/root",
)


def _bytes(content):
    return content.read_bytes() if isinstance(content, Path) else content.encode()


def _own_groups():
    """
    Our control groups by controller, of those that systemd uses: one of version 2, or those of version 1 and its own.

    The container's are made below them, so that it stays within the limits that hold for us.
    """
    is_unified = (GROUPS / "cgroup.controllers").exists()
    found = {}
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controller, path = line.split(":", 2)
        name = controller.removeprefix("name=") or ("" if is_unified else "unified")
        if name in {"", "unified", "systemd", "memory", "pids"} and (GROUPS / name).is_dir():
            found[name] = GROUPS / name / path.lstrip("/")
    return found


def _made(group):
    group.mkdir()
    return group


def _remove(group):
    """Deepest first; what is still busy is waited for."""
    ends_at = time.monotonic() + STOP_SECONDS
    for folder in sorted([group, *(path for path in group.rglob("*") if path.is_dir())], reverse=True):
        while folder.exists():
            try:
                folder.rmdir()
            except OSError:
                if time.monotonic() > ends_at:
                    raise
                time.sleep(0.05)


def _descendants(pid):
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            found += [int(child), *_descendants(int(child))]
    return found


def _is_first(pid):
    """Whether a process is the first one of its process namespace."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False
    return next(line for line in status.splitlines() if line.startswith("NSpid:")).split()[1:][
        -1
    ] == "1" and ("systemd" in status.splitlines()[0])
