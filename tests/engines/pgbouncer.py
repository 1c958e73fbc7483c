"""A PgBouncer for tests, before a server that listens on a socket in a folder; of Debian's package `pgbouncer`."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from psycopg import conninfo

from tests.engines.postgres_server import DEADLINE, NOBODY, as_nobody

PORT = 6432
PROGRAM = shutil.which("pgbouncer", path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin"]))
"""`None`: there is none on this machine."""


class PgBouncer:
    """
    Running until the block ends.

    Args:
        url: The server's.
        mode: Of its pools: `session`, `transaction` or `statement`.
        settings: More lines of its configuration.
    """

    def __init__(self, url: str, mode: str, settings: str = "") -> None:
        self._url = url
        self._folder = Path(tempfile.mkdtemp(prefix="pgbouncer-"))
        self._folder.chmod(0o711)
        if os.getuid() == 0:
            os.chown(self._folder, NOBODY, NOBODY)
        host = conninfo.conninfo_to_dict(url)["host"]
        self._config = self._folder / "pgbouncer.ini"
        self._config.write_text(
            f"[databases]\n* = host={host} user=postgres\n[pgbouncer]\npool_mode = {mode}\n"
            f"listen_addr =\nlisten_port = {PORT}\nunix_socket_dir = {self._folder}\nauth_type = any\n"
            f"logfile = {self._folder}/log\n{settings}"
        )

    @property
    def url(self) -> str:
        """The same database, by way of here."""
        return conninfo.make_conninfo(self._url, host=str(self._folder), port=PORT)

    def __enter__(self):
        assert PROGRAM is not None
        self._process = subprocess.Popen(
            [*as_nobody(), PROGRAM, str(self._config)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + DEADLINE
        while not self._listens():
            assert self._process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        return self

    def _listens(self) -> bool:
        """The socket's file is there before anybody listens."""
        with socket.socket(socket.AF_UNIX) as channel, contextlib.suppress(OSError):
            channel.connect(str(self._folder / f".s.PGSQL.{PORT}"))
            return True
        return False

    def __exit__(self, *exc_info):
        self._process.kill()
        self._process.wait(DEADLINE)
        shutil.rmtree(self._folder, ignore_errors=True)
