"""What a program may do where it runs: prints an object, true for each that it may."""

import ctypes
import json
import mmap
import os
import socket
from pathlib import Path

CLONE_NEWUSER = 0x10000000


def may(work):
    try:
        return work() is not False
    except OSError:
        return False


def writes(folder):
    """Whether a file can be made there; it is taken away again."""
    file = Path(folder) / f"probe-{os.getpid()}"
    return may(lambda: (file.write_text("x"), file.unlink()))


def credential():
    """As the daemon's user: its copy of the token, wherever the daemon was told that it is."""
    return any(file.read_bytes() for file in Path("/run/credentials").glob("*/*"))


def token():
    """As root has it for the unit."""
    return all(file.read_bytes() for file in Path("/etc/mycel-runtime").glob("*.token"))


def others():
    """What agents of other instances keep."""
    cwd = Path.cwd()
    folders = Path("/var/lib/private/mycel-runtime").iterdir()
    return any(list(folder.iterdir()) for folder in folders if folder.name not in cwd.parts)


def main():
    readable = mmap.PROT_READ | mmap.PROT_WRITE
    found = {
        "writes its folder": writes("."),
        "writes home": "HOME" in os.environ and writes(os.environ["HOME"]),
        "writes what is open to all": writes("/srv/open"),
        "writes /etc": writes("/etc"),
        "writes the program": writes("/opt/mycel-runtime"),
        "sees another agent's folder": may(others),
        "sees homes of people": may(lambda: bool(list(Path("/home").iterdir()))),
        "reads root's token file": may(token),
        "reads the credential": may(credential),
        "has its path in the environment": "CREDENTIALS_DIRECTORY" in os.environ,
        "reads the memory of the runtime": may(lambda: Path(f"/proc/{os.getppid()}/mem").open("rb").close()),
        "sees other users' processes": Path("/proc/1/status").exists(),
        "sees how much memory there is": may(lambda: Path("/proc/meminfo").read_text()),
        "maps memory writable and executable": may(
            lambda: mmap.mmap(-1, 4096, prot=readable | mmap.PROT_EXEC).close()
        ),
        "opens a netlink socket": may(lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW).close()),
        "makes a user namespace": ctypes.CDLL(None).unshare(CLONE_NEWUSER) == 0,
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
