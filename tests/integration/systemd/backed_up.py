"""Rows about backups: the service that the timer starts, beside an agent and after it, and a restore."""

from __future__ import annotations

from tests.integration.systemd.resident import PROGRAM, SYSTEMD, exposure_of
from tests.integration.systemd.rows import once

FOLDER = "/var/backups/mycel-runtime"
KINDS = ("service", "timer")
EXPOSURE = 2.0


def installed(container):
    """As the guide says."""
    for kind in KINDS:
        name = f"mycel-runtime-backup@.{kind}"
        container.put(f"/etc/systemd/system/{name}", SYSTEMD / name)
    container.run("systemctl", "daemon-reload")


def backups(container, name):
    """Mode, owner and name of each that there is, oldest first."""
    found = ("find", FOLDER, "-name", f"{name}-*.backup", "-printf", "%m %u %f\n")
    return sorted(container.run(*found, check=False).stdout.splitlines(), key=lambda line: line.split()[-1])


def back_up(row, container, instance):
    """Start the service by hand, and wait for its end."""
    done = container.run("systemctl", "start", f"mycel-runtime-backup@{instance}", check=False, timeout=150)
    said = container.run("journalctl", "--unit", f"mycel-runtime-backup@{instance}", "-n", "5", check=False)
    row.hold(f"the service of {instance} ends well: {done.stderr}{said.stdout}", that=done.returncode == 0)


def beside_and_after(row, resident):
    """While the agent runs, and while it does not; nothing in its state becomes root's, and it starts again."""
    container, name = resident.container, resident.name
    installed(container)
    units = [f"mycel-runtime-backup@{name}.{kind}" for kind in KINDS]
    verified = container.run("systemd-analyze", "verify", "--man=no", *units, check=False)
    said = verified.stdout + verified.stderr
    row.hold(f"verify is silent: {said}", that=not said)
    row.seen["of backups"] = exposure = exposure_of(container, units[0])
    row.hold(f"exposure {exposure}", that=exposure <= EXPOSURE)
    container.run("systemctl", "enable", "--now", f"mycel-runtime-backup@{name}.timer")
    timers = container.run(
        "systemctl", "list-timers", "--no-pager", f"mycel-runtime-backup@{name}.timer"
    ).stdout
    row.hold(f"the timer waits for its time: {timers}", that="1 timers listed" in timers)

    back_up(row, container, name)
    resident.systemctl("stop")
    back_up(row, container, name)
    made = backups(container, name)
    row.hold(
        f"two backups, root's alone: {made}",
        that=[each.split()[:2] for each in made] == [["600", "root"]] * 2,
    )
    foreign = container.run("find", resident.state, "-mindepth", "1", "-user", "root").stdout
    row.hold(f"nothing of the state is root's: {foreign}", that=not foreign)

    resident.start()
    resident.say("since")
    row.hold("the answer since", that=resident.answer_to("since") == "heard since")
    resident.systemctl("stop")
    file = f"{FOLDER}/{made[-1].split()[-1]}"
    container.run(PROGRAM, "restore", "--config", resident.config, file)
    resident.start()
    resident.say("restored")
    row.hold("the answer after the restore", that=resident.answer_to("restored") == "heard restored")
    once(row, resident, "hello", "since", "restored")


def of_the_folder(row, resident):
    """One instance for all agents of the folder's unit."""
    installed(resident.container)
    back_up(row, resident.container, "agents")
    made = [backups(resident.container, agent.name) for agent in (resident, resident.neighbour)]
    row.hold(f"one backup of each: {made}", that=[len(each) for each in made] == [1, 1])
