"""
Run a command as the terminal's foreground job: `foreground.py COMMAND [ARGUMENT ...]`, used by `make run`.

Ctrl-C interrupts every process of the foreground job. With make among them, `make run` ends with status 130
whatever the daemon did: make lets its recipe finish and then dies of the signal, and nothing in a Makefile can
change that. So the command gets a job of its own, alone at the terminal, and its status becomes make's. Signals
sent to make or to this process reach the command too. Without a terminal the command simply replaces this process.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import NoReturn


def main(command: list[str]) -> NoReturn:
    """Run `command` and exit with its status."""
    terminal = _terminal_in_front()
    if terminal is None:
        os.execv(command[0], command)  # noqa: S606 - the Makefile's own words
    # SIGTTOU would stop whoever takes the terminal from another job. SIGTSTP (Ctrl-Z) would stop the command alone,
    # while the shell went on waiting for make; the command inherits that it is ignored.
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    signal.signal(signal.SIGTSTP, signal.SIG_IGN)
    with subprocess.Popen(  # noqa: S603 - the Makefile's own words
        command,
        process_group=0,
        preexec_fn=lambda: os.tcsetpgrp(terminal, os.getpid()),  # noqa: PLW1509 - no threads here
    ) as job:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda received, _: job.send_signal(received))
        status = job.wait()
    os.tcsetpgrp(terminal, os.getpgrp())
    sys.exit(status if status >= 0 else 128 - status)


def _terminal_in_front() -> int | None:
    """The terminal's descriptor if Ctrl-C pressed there comes to us; `None` in the background or without one."""
    try:
        terminal = os.open("/dev/tty", os.O_RDWR | os.O_CLOEXEC)
        return terminal if os.tcgetpgrp(terminal) == os.getpgrp() else None
    except OSError:
        return None


if __name__ == "__main__":
    main(sys.argv[1:])
