"""A real program that stands between a daemon and its backend, in the foreground, with a folder of its own."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

HERE = Path(__file__).parent
VENVS = HERE.parents[1] / ".venv" / "road"
START_SECONDS = 30.0
STOP_SECONDS = 10.0

COMMANDS = {
    "nginx": ("nginx", "-c", "@folder@/frame.conf"),
    "haproxy": ("haproxy", "-db", "-f", "@folder@/frame.cfg", "-f", "@file@"),
    "apache": ("apache2", "-DFOREGROUND", "-f", "@file@"),
    "squid": ("squid", "-N", "-f", "@file@"),
    "tinyproxy": ("tinyproxy", "-d", "-c", "@file@"),
    "varnish": (
        *("varnishd", "-F", "-j", "none", "-n", "@folder@/varnish", "-a", "127.0.0.1:@port@"),
        *("-s", "malloc,16m", "-f", "@file@"),
    ),
    "mitmproxy": (
        *(
            f"{VENVS}/mitmproxy/bin/mitmdump",
            "--quiet",
            "--listen-host",
            "127.0.0.1",
            "--listen-port",
            "@port@",
        ),
        *("--set", "confdir=@folder@"),
    ),
    "proxy.py": (
        f"{VENVS}/proxy.py/bin/proxy",
        "--hostname",
        "127.0.0.1",
        "--port",
        "@port@",
        "--num-workers",
        "1",
    ),
}
"""How each is started in the foreground; `@file@` is the row's own configuration."""


class Intermediary:
    """
    One port, and whichever program serves it at the moment.

    Args:
        folder: For configurations, logs and sockets of the programs; their workers must be able to write into it.
        upstream_port: Where the backend is.
    """

    def __init__(self, folder, upstream_port):
        self._folder = folder
        self._upstream_port = upstream_port
        self._popen = None
        self.port = _free_port()

    def start(self, program, configuration, extra=()):
        """
        Return when it listens.

        Args:
            program: A key of `COMMANDS`.
            configuration: A file of the folder of this name; empty for a program that is told everything by `extra`.
            extra: More of the command line.
        """
        home = self._folder / f"{program}-{Path(configuration).stem}"
        self._render(program, home, configuration)
        command = [self._filled(word, home, configuration) for word in (*COMMANDS[program], *extra)]
        with (home / "output").open("wb") as output:
            self._popen = subprocess.Popen(
                command,
                cwd=home,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_SECONDS
        while not _listens(self.port):
            assert self._popen.poll() is None, (home / "output").read_text()
            assert time.monotonic() < deadline, f"{program} does not listen: {(home / 'output').read_text()}"
            time.sleep(0.05)

    def stop(self):
        """The program with everything that it has started is gone; nothing listens."""
        if self._popen is None:
            return
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._popen.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._popen.wait(STOP_SECONDS)
        self._popen = None

    def _render(self, program, home, configuration):
        """A copy of all files of the program with the row's ports and paths, beside those of the authority."""
        home.mkdir(exist_ok=True)
        home.chmod(0o777)
        for path in self._folder.iterdir():
            if path.suffix in {".pem", ".key"}:
                shutil.copy(path, home)
        if (HERE / program).is_dir():
            for path in (HERE / program).iterdir():
                (home / path.name).write_text(self._filled(path.read_text(), home, configuration))

    def _filled(self, text, home, configuration):
        values = {
            "folder": home,
            "file": home / configuration,
            "port": self.port,
            "upstream": self._upstream_port,
            "modules": "/usr/lib/apache2/modules",
        }
        for name, value in values.items():
            text = text.replace(f"@{name}@", str(value))
        return text


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _listens(port):
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex(("127.0.0.1", port)) == 0
