"""
Three hosts of this machine's kernel: the agent's, the backend's, and the road between them.

    agent 10.77.1.2 --- 10.77.1.1 road 10.77.2.1 --- 10.77.2.2 home

What goes wrong on the way goes wrong on the road, by its packet filter: `tc netem` is not in every kernel. The agent
knows the backend by a name that stands in a hosts file of its own.
"""

from __future__ import annotations

import contextlib
import ctypes
import itertools
import os
import shutil
import subprocess
from pathlib import Path

NAME = "backend.road.test"
PORT = 8042
BASE_URL = f"http://{NAME}:{PORT}"
LARGEST = 1300
"""Bytes of the largest packet that gets through a hole: what a tunnel leaves of 1500."""

PACKAGES = {"ip": "iproute2", "iptables": "iptables"}
"""The Debian package of each program."""

_PREFIX = "mycel"
_HOME = "10.77.2.{}"
_AGENT = "10.77.1.{}"
_SETTINGS = Path("/etc/netns")
_NEW_NETWORK = 0x40000000
"""Source: linux/sched.h, CLONE_NEWNET."""


class Network:
    """The three hosts, while the block runs. Those that a killed run has left behind go first."""

    def __init__(self):
        self.agent, self.road, self.home = (f"{_PREFIX}-{os.getpid()}-{name}" for name in "arh")
        self._ends = contextlib.ExitStack()
        self._home_numbers = itertools.count(2)
        self._agent_numbers = itertools.count(2)

    def __enter__(self):
        _remove_abandoned()
        with contextlib.ExitStack() as undo:
            for name in (self.agent, self.road, self.home):
                undo.callback(_remove, name)
                _run("ip", "netns", "add", name)
                _run("ip", "-n", name, "link", "set", "lo", "up")
            self._link(self.agent, "to-agent", _AGENT.format(1))
            self._link(self.home, "to-home", _HOME.format(1))
            self._execute(self.road, "sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward")
            self._hosts().parent.mkdir(parents=True)
            self.move_agent()
            self.move_backend()
            self._ends = undo.pop_all()
        return self

    def __exit__(self, *_exc):
        self._ends.close()

    @contextlib.contextmanager
    def inside_home(self):
        """What this thread opens in the block, it opens on the backend's host; threads that it starts too."""
        with (
            Path("/proc/thread-self/ns/net").open() as before,
            Path(f"/run/netns/{self.home}").open() as home,
        ):
            _enter(home.fileno())
            try:
                yield
            finally:
                _enter(before.fileno())

    def command(self, namespace, *command):
        """The command that runs another on a host."""
        return ["ip", "netns", "exec", namespace, *command]

    def unplug(self):
        """The agent's own link is down: its calls fail at once, for want of a route."""
        self._ip(self.agent, "link", "set", "eth0", "down")

    def plug(self):
        """Up again, with the route that went with it."""
        self._ip(self.agent, "link", "set", "eth0", "up")
        self._route(self.agent, _AGENT)

    def move_agent(self):
        """The agent's host has another address: what it had connected dies without a word."""
        self._ip(self.agent, "addr", "flush", "dev", "eth0")
        self._ip(self.agent, "addr", "add", _AGENT.format(next(self._agent_numbers)) + "/24", "dev", "eth0")
        self._route(self.agent, _AGENT)

    def move_backend(self):
        """The backend's host has another address, and its name says so."""
        address = _HOME.format(next(self._home_numbers))
        self._ip(self.home, "addr", "flush", "dev", "eth0")
        self._ip(self.home, "addr", "add", f"{address}/24", "dev", "eth0")
        self._route(self.home, _HOME)
        # In place: a host's file is mounted where its programs look for it, and a new one would not be.
        self._hosts().write_text(f"127.0.0.1 localhost\n{address} {NAME}\n")

    @contextlib.contextmanager
    def dropped(self, *which):
        """While the block runs, the road drops such packets of either direction (`iptables`), and tells nobody."""
        rule = ("FORWARD", *which, "-j", "DROP")
        self._execute(self.road, "iptables", "-w", "-A", *rule)
        try:
            yield
        finally:
            self._execute(self.road, "iptables", "-w", "-D", *rule)

    def lost(self, share):
        """As `dropped`: so many of all packets, by chance."""
        return self.dropped("-m", "statistic", "--mode", "random", "--probability", str(share))

    def too_large(self):
        """As `dropped`: what would have to be cut, where the word that it must be gets lost as well."""
        return self.dropped("-m", "length", "--length", f"{LARGEST + 1}:65535")

    def _hosts(self):
        return _SETTINGS / self.agent / "hosts"

    def _link(self, host, name, gateway):
        """A cable between a host and the road."""
        _run("ip", "link", "add", name, "netns", self.road, "type", "veth", "peer", "eth0", "netns", host)
        for namespace, device in ((self.road, name), (host, "eth0")):
            # One packet is one packet: the filter must not see twenty that were put together.
            self._ip(namespace, "link", "set", device, "gso_max_segs", "1")
            self._ip(namespace, "link", "set", device, "up")
        self._ip(self.road, "addr", "add", f"{gateway}/24", "dev", name)

    def _route(self, host, network):
        self._ip(host, "route", "replace", "default", "via", network.format(1))

    def _ip(self, namespace, *arguments):
        _run("ip", "-n", namespace, *arguments)

    def _execute(self, namespace, *command):
        _run(*self.command(namespace, *command))


def missing():
    """Why namespaces cannot be made here; empty if they can."""
    if os.geteuid():
        return "root is needed"
    if absent := [package for program, package in PACKAGES.items() if shutil.which(program) is None]:
        return f"not installed: {' and '.join(absent)}; tests/road/install.sh does it"
    try:
        with Network() as network, network.lost(0.5), network.too_large():
            return ""
    except subprocess.CalledProcessError as exc:
        return f"{' '.join(exc.cmd)}: {exc.stderr.strip()}"


def _remove_abandoned():
    for line in _run("ip", "netns", "list").splitlines():
        name = line.split()[0]
        prefix, _, rest = name.partition("-")
        pid, _, _ = rest.partition("-")
        if prefix == _PREFIX and pid.isdecimal() and not Path(f"/proc/{pid}").exists():
            _remove(name)


def _remove(name):
    subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)
    shutil.rmtree(_SETTINGS / name, ignore_errors=True)


def _enter(descriptor):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(descriptor, _NEW_NETWORK):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _run(*command):
    return subprocess.run(command, capture_output=True, check=True, text=True).stdout
