"""
The unit and its drop-ins under a real systemd: `python -m tests.integration.systemd [NAME ...]`, or `make units`.

A container with systemd as PID 1 is made of the system in .venv/units/base (`install.sh` beside this file makes
that), this working copy is installed in it, and each row is an agent in its unit. Prints what was seen of each; exit
status 1 if something did not hold, and 75 where no container can be made.
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from tests.integration.systemd import (
    backed_up,
    four_commands,
    lasting_trouble,
    one_bad_file,
    printed,
    rows,
)
from tests.integration.systemd.container import BootError, Container, missing
from tests.integration.systemd.resident import Lodger, Resident, install

ROOT = Path(__file__).parents[3]
BASE = ROOT / ".venv/units/base"
EXIT_CANNOT = 75
SIDE_BY_SIDE = 3

ECHO = '[plugins.echo]\nprefix = "heard "\n'
QUIET = '[plugins.quiet]\npath = "/opt/agents/quiet.py"\n'
ACP = '[plugins.acp]\ncommand = ["/usr/bin/node", "/opt/agents/node_agent.js"]\ninstructions = ""\n'
COMMAND = """[plugins.command]
command = ["/usr/bin/python3", "/opt/agents/program.py"]
folder = "/var/lib/mycel-runtime/{name}"
"""
SLOW = """[dispatch]
concurrency = 20
[daemon]
drain_timeout = {seconds}
[plugins.slow]
path = "/opt/agents/slow.py"
"""
WEBHOOK = """[plugins.webhook]
url = "http://127.0.0.1:8300/hook"
secret_credential = "webhook.key"
callback_socket = "/var/lib/mycel-runtime/{name}/webhook.sock"
"""
EXTRA = {
    "webhook": "[Service]\nLoadCredential=webhook.key:/etc/mycel-runtime/%i.key\n",
    "hungry": "[Service]\nMemoryMax=400M\n",
    "dead-backend": "[Service]\nRestartSec=1\n",
    "disk-stays-full": "[Service]\nRestartSec=1\n",
    "long-drain": "[Service]\nTimeoutStopSec=5\n",
}
"""What an operator adds in a drop-in of his own."""

HOME = ("writes its folder", "writes home", "sees how much memory there is")
NODE = (*HOME, "maps memory writable and executable", "compiles", "home")
LIFE = (rows.killed, rows.stopped, rows.refused)
ALL = {
    "echo": (ECHO, "", (rows.ready, rows.unreadable, rows.answers)),
    "watchdog": (ECHO, "", (rows.ready, rows.hung)),
    "reload": (ECHO, "", (rows.ready, rows.answers, rows.reloaded)),
    "busy": (SLOW.format(seconds=rows.BUSY_DRAIN_SECONDS), "", (rows.ready, rows.busy)),
    "long-drain": (SLOW.format(seconds=60), "", (rows.ready, rows.long_drain)),
    "rotation": (ECHO, "", (rows.ready, rows.answers, rows.rotated)),
    "folder": (ECHO, "", (rows.with_a_neighbour, backed_up.of_the_folder)),
    "backups": (ECHO, "", (rows.ready, rows.answers, backed_up.beside_and_after)),
    "program": (COMMAND, "program", (rows.ready, rows.answers, partial(rows.confined, allowed=HOME), *LIFE)),
    "node": (ACP, "node", (rows.ready, rows.answers, partial(rows.confined, allowed=NODE), *LIFE)),
    "node-bare": (ACP, "", (rows.ready, rows.compiles_with_the_drop_in_only)),
    "hungry": (COMMAND, "program", (rows.ready, rows.hungry)),
    "full-disk": (ECHO, "", (rows.on_a_small_disk, rows.ready, rows.answers, rows.filled)),
    "disk-stays-full": (
        ECHO,
        "",
        (rows.on_a_small_disk, rows.ready, rows.answers, lasting_trouble.stays_full),
    ),
    "dead-backend": (ECHO, "", (lasting_trouble.dead_backend,)),
    "webhook": (WEBHOOK, "", (rows.received, rows.ready, rows.answers, *LIFE)),
    "mcp": (QUIET, "", (rows.ready, rows.tools)),
    "printed": ("", "", printed.STEPS),
    "one-bad-file": ("", "", one_bad_file.STEPS),
}
"""For each row the plugin's table, the drop-in, and what is tried."""

UNDISTURBED = {"long-drain", "disk-stays-full"}
"""
Rows that begin when the others have ended: these have systemd read its units again, which makes version 252 forget
how far a start or a stop was extended (`EXTEND_TIMEOUT_USEC`); what has taken longer than the unit says times out.
"""

APART = {"four-commands": four_commands.play}
"""Rows that begin with a machine of their own."""

NAMES = (*ALL, *APART)


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.integration.systemd", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(NAMES))
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - set(NAMES):
        parser.error(f"no such row: {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    # The end by a signal is an end too: what was made is taken away.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    if reason := missing(BASE):
        print(f"SKIPPED, NOTHING WAS PROVEN: no container can be made here: {reason}", file=sys.stderr)
        return EXIT_CANNOT
    with tempfile.TemporaryDirectory(prefix="units-") as folder:
        wheel = _wheel(Path(folder))
        try:
            return _run(Path(folder), wheel, arguments.names or NAMES)
        except BootError as error:
            print(f"SKIPPED, NOTHING WAS PROVEN: no container could be made: {error}", file=sys.stderr)
            return EXIT_CANNOT


def _run(folder, wheel, names):
    """The exit status of these rows."""
    played = []
    if together := [name for name in names if name in ALL]:
        with Container(BASE, folder / "machine") as container:
            install(container, wheel)
            print(container.run("systemctl", "--version").stdout.splitlines()[0], flush=True)
            with ThreadPoolExecutor(SIDE_BY_SIDE) as side_by_side:
                crowd = [name for name in together if name not in UNDISTURBED]
                played += side_by_side.map(partial(_play, container), crowd)
            played += [_play(container, name) for name in together if name in UNDISTURBED]
    played += [_play_apart(folder / name, wheel, name) for name in names if name in APART]
    return int(any(row.problems for row in played))


def _wheel(folder):
    """This working copy, as pip would install it."""
    build = (
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--wheel-dir",
        folder,
        ".",
    )
    subprocess.run(build, cwd=ROOT, check=True, timeout=300)
    (wheel,) = folder.glob("*.whl")
    return wheel


def _resident(container, name, plugin, drop_in):
    if name == "printed":
        return printed.Machine(container)
    if name == "one-bad-file":
        return one_bad_file.Crew(container)
    if name == "folder":
        return Lodger(container, name, plugin, neighbour=Lodger(container, "neighbour", plugin))
    if name == "dead-backend":
        return lasting_trouble.Abandoned(
            container, name, plugin, extra=EXTRA[name], port=lasting_trouble.DEAD_PORT
        )
    return Resident(container, name, plugin, drop_in, EXTRA.get(name, ""))


def _play(container, name):
    """One row, printed when it has ended."""
    plugin, drop_in, steps = ALL[name]
    resident = _resident(container, name, plugin.replace("{name}", name), drop_in)
    row = rows.Row(name)
    try:
        resident.make()
        for step in steps:
            step(row, resident)
    except Exception as error:  # noqa: BLE001 - a row that breaks is told, and the others go on
        row.problems.append(f"{type(error).__name__}: {error}\n{resident.log()}")
    return _told(row)


def _play_apart(folder, wheel, name):
    """One that has its own machine."""
    row = rows.Row(name)
    try:
        APART[name](row, BASE, folder, wheel)
    except BootError:
        raise
    except Exception as error:  # noqa: BLE001 - as above
        row.problems.append(f"{type(error).__name__}: {error}")
    return _told(row)


def _told(row):
    seen = ", ".join(f"{what} {value}" for what, value in row.seen.items())
    missed = "".join(f"\n    MISSED: {problem}" for problem in row.problems)
    print(f"{row.name:<17}{'MISSED' if row.problems else 'held':<8}{seen}{missed}", flush=True)
    for line in row.transcript:
        print(f"    {line}", flush=True)
    return row


if __name__ == "__main__":
    sys.exit(main())
