"""
What the runtime shows or keeps: everything that must be free of canaries. A new output is one line here.

The commands of COMMANDS are run with `--config FILE`, the addresses of ADDRESSES asked on the control socket, those
of PAGES where `[http] listen` says. What shows people's words by its nature (read, chat, store export) is not among
them, and neither is replay, which runs a plugin's code in front of its author: what that prints is printed.
"""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import httpx

ADDRESSES = ("/livez", "/readyz", "/status", "/metrics", "/dump", "/nothing")

COMMANDS = (
    ("status",),
    ("status", "--json"),
    ("dump",),
    ("dead", "list"),
    ("outbox", "list"),
    ("store", "list"),
    ("plugins", "list"),
    ("check",),
    ("unit",),
    ("reload",),
    ("work", "list"),
    ("backup", "BACKUP"),
    ("resume", "nobody"),
)

PAGES = (
    "/",
    "/page.js",
    "/livez",
    "/readyz",
    "/status",
    "/metrics",
    "/page/overview",
    "/page/agents/{agent}/samples",
    "/page/agents/{agent}/conversations",
    "/nothing",
)

DEADLINE = 120.0

TEXT_IS_KEPT = ("journal.capture.sqlite3",)
"""Files whose purpose is to keep words; their owner alone reads them."""


def of_page(base_url, agent):
    """Label and what each address of the page answers."""
    with httpx.Client(base_url=base_url, timeout=DEADLINE) as client:
        for address in PAGES:
            answer = client.get(address.format(agent=agent))
            yield f"page {address} ({answer.status_code})", answer.content + repr(answer.headers).encode()


def of_commands(config):
    """Label and what each command prints; several side by side, because most of a command is its start."""
    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(lambda command: _of_command(command, config), COMMANDS))


def _of_command(command, config):
    done = subprocess.run(
        [sys.executable, "-m", "mycel_runtime", *_arguments(command, config), "--config", str(config)],
        capture_output=True,
        stdin=subprocess.DEVNULL,
        timeout=DEADLINE,
        check=False,
    )
    return f"{' '.join(command)} ({done.returncode})", done.stdout + done.stderr


def of_socket(state_dir):
    """Label and what each address answers."""
    transport = httpx.HTTPTransport(uds=str(state_dir / "control.sock"))
    with httpx.Client(transport=transport, base_url="http://control", timeout=DEADLINE) as client:
        for address in ADDRESSES:
            answer = client.get(address)
            yield f"{address} ({answer.status_code})", answer.content + repr(answer.headers).encode()


def _arguments(command, config):
    """A backup goes below the state directories, whose files are searched, and looked at for who may read them."""
    backup = config.parent.parent / "state" / "backup"
    return [str(backup) if each == "BACKUP" else each for each in command]


def of_files(folder):
    """Label and content of each file below a folder, sockets left out."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield str(path.relative_to(folder)), path.read_bytes()


def open_to_others(folder):
    """What below a folder, and the folder itself, anybody but its owner may do something with."""
    found = [folder, *folder.rglob("*")]
    return [
        f"{path.relative_to(folder)} {stat.filemode(mode)}"
        for path in found
        if (mode := os.lstat(path).st_mode) & 0o077 and not stat.S_ISLNK(mode)
    ]
