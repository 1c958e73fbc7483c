"""
A stand-in for systemctl, for units that `mycel-runtime unit` has made: what they say is done, without their sandbox.

`SANDBOX` is the folder that stands for `/`.
"""

import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(os.environ["SANDBOX"])
DEADLINE = 60.0


def settings_of(name):
    """Key and value of each line of the unit file."""
    text = (ROOT / "etc/systemd/system" / f"{name}.service").read_text()
    lines = [line for line in text.splitlines() if line and line[0] not in "#["]
    return [tuple(line.split("=", 1)) for line in lines]


def start(name):
    """Run ExecStart with credentials, state directory and notification, and wait for READY."""
    settings = settings_of(name)
    value = dict(settings)
    own = ROOT / name
    shutil.rmtree(own, ignore_errors=True)
    credentials = own / "credentials"
    credentials.mkdir(mode=0o700, parents=True)
    for key, said in settings:
        if key == "LoadCredential":
            _hand_over(*said.split(":"), credentials)
    state = ROOT / "var" / value["StateDirectory"]
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    notify.bind(str(own / "notify"))
    notify.settimeout(DEADLINE)
    environment = os.environ | {
        "CREDENTIALS_DIRECTORY": str(credentials),
        "STATE_DIRECTORY": str(state),
        "NOTIFY_SOCKET": str(own / "notify"),
    }
    for key, said in settings:
        if key == "Environment":
            name_, _, text = said.partition("=")
            environment[name_] = text.replace("%S", str(ROOT / "var"))
        if key == "UnsetEnvironment":
            environment.pop(said, None)
    with (own / "journal").open("wb") as journal:
        process = subprocess.Popen(
            shlex.split(value["ExecStart"]),
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=journal,
            stderr=journal,
            start_new_session=True,
        )
    (own / "pid").write_text(str(process.pid))
    while b"READY=1" not in notify.recv(65536):
        pass


def _hand_over(name, source, credentials):
    source = Path(source)
    files = {f"{name}_{file.name}": file for file in source.iterdir()} if source.is_dir() else {name: source}
    for id_, file in files.items():
        shutil.copy(file, credentials / id_)


def stop(name):
    """As the unit would be stopped."""
    pid = int((ROOT / name / "pid").read_text())
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + DEADLINE
    while runs(pid):
        if time.monotonic() > deadline:
            sys.exit(f"{name} has not ended")
        time.sleep(0.05)


def runs(pid):
    """Whether it has not ended, be it that nobody has asked for its status yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


match sys.argv[1:]:
    case ["enable", "--now", name] | ["start", name]:
        start(name)
    case ["restart", name]:
        stop(name)
        start(name)
    case ["stop", name]:
        stop(name)
    case other:
        sys.exit(f"not understood: {other}")
