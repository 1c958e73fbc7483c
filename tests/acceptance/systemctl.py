"""
A stand-in for systemctl, for one instance of our unit: what the unit says is done, without its sandbox.

`SANDBOX` is the folder that stands for `/`, `INSTALLED` the one that stands for `/opt/mycel-runtime`.
"""

import configparser
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(os.environ["SANDBOX"])
PIDS = ROOT / "pids"
DEADLINE = 60.0


def unit_of(template):
    """The unit file's [Service]."""
    parser = configparser.RawConfigParser(strict=False, delimiters=("=",), interpolation=None)
    parser.optionxform = str
    assert parser.read(ROOT / "etc" / "systemd" / "system" / f"{template}@.service")
    return parser["Service"]


def start(template, instance):
    """Run ExecStart with credential, state directory and notification, and wait for READY."""
    service = unit_of(template)
    name, source = here(service["LoadCredential"], instance).split(":")
    credentials = ROOT / "credentials"
    credentials.mkdir(mode=0o700)
    shutil.copy(source, credentials / name)
    state = ROOT / "var" / service["StateDirectory"].replace("%i", instance)
    state.mkdir(mode=0o700, parents=True)
    notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    notify.bind(str(ROOT / "notify"))
    notify.settimeout(DEADLINE)
    own = {
        "CREDENTIALS_DIRECTORY": str(credentials),
        "STATE_DIRECTORY": str(state),
        "NOTIFY_SOCKET": str(ROOT / "notify"),
    }
    with (ROOT / "journal").open("wb") as journal:
        process = subprocess.Popen(
            here(service["ExecStart"], instance).split(),
            env=os.environ | own,
            stdin=subprocess.DEVNULL,
            stdout=journal,
            stderr=journal,
            start_new_session=True,
        )
    PIDS.write_text(str(process.pid))
    while b"READY=1" not in notify.recv(65536):
        pass


def stop():
    """As the unit would be stopped."""
    pid = int(PIDS.read_text())
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + DEADLINE
    while time.monotonic() < deadline and Path(f"/proc/{pid}").exists():
        time.sleep(0.05)


def here(text, instance):
    """The unit's text on this machine."""
    text = text.replace("%i", instance).replace("/opt/mycel-runtime", os.environ["INSTALLED"])
    return text.replace("/etc/", f"{ROOT}/etc/")


match sys.argv[1:]:
    case ["daemon-reload"]:
        pass
    case ["enable", "--now", name]:
        start(*name.split("@"))
    case ["stop", name]:
        stop()
    case other:
        sys.exit(f"not understood: {other}")
