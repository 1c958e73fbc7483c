"""
What the runtime prints, heard by whoever starts it.

`Overheard` stands in for `subprocess.Popen` in all tests, and `OverheardRunner` for click's runner: a test that
starts the runtime cannot forget them. They pass everything on as it is, and have a process tell all that it can: at
debug, unless a test has a level of its own.
"""

from __future__ import annotations

import io
import os
import subprocess
from pathlib import Path
from typing import Final

import click.testing

from tests.discretion.command_line import agents_of, arguments_of, command_of
from tests.discretion.heard import HEARD, Heard, hear

LEVEL: Final = "MYCEL_RUNTIME_LOG__LEVEL"


def overhear():
    """From now on, whatever a test starts or runs; before it is imported."""
    subprocess.Popen = Overheard
    click.testing.CliRunner = OverheardRunner


def _environment(environment, arguments):
    """With which it tells all it can, unless the level is a part of what is tested."""
    given = dict(os.environ if environment is None else environment)
    has_level = any("level" in tables.get("log", {}) for _, tables in agents_of(arguments))
    return given if has_level else {LEVEL: "debug"} | given


class Overheard(subprocess.Popen):
    """A process; of the runtime's, all that is read from its pipes is heard."""

    def __init__(self, args, *rest, **options):
        arguments = arguments_of(args)
        if arguments is not None:
            options["env"] = _environment(options.get("env"), arguments)
        super().__init__(args, *rest, **options)
        self._heard = () if arguments is None else self._listen(" ".join(arguments), command_of(arguments))
        if arguments is not None:
            _note_files(" ".join(arguments), options)

    def _listen(self, label, command):
        heard = (Heard(f"stdout of {label}", command=command), Heard(f"stderr of {label}"))
        HEARD.extend(heard)
        self.stdout = _tapped(self.stdout, heard[0])
        self.stderr = _tapped(self.stderr, heard[1])
        return heard

    def communicate(self, *args, **options):
        """Reads past the objects that stand for the pipes."""
        try:
            texts = super().communicate(*args, **options)
        except subprocess.TimeoutExpired as exc:
            self._keep(exc.output, exc.stderr)
            raise
        self._keep(*texts)
        return texts

    def _keep(self, *texts):
        for text, heard in zip(texts, self._heard, strict=False):
            heard.output.extend(text.encode() if isinstance(text, str) else text or b"")


def _note_files(label, options):
    """What it prints into files, which are read when they are looked at."""
    for name in ("stdout", "stderr"):
        path = getattr(options.get(name), "name", None)
        if isinstance(path, str) and Path(path).is_file():
            HEARD.append(Heard(f"{name} of {label}", path=Path(path)))


class OverheardRunner(click.testing.CliRunner):
    """Runs a command in the process of the test."""

    def invoke(self, cli, args=None, *rest, **options):
        result = super().invoke(cli, args, *rest, **options)
        label = f"{cli.name} {args}"
        HEARD.append(Heard(f"stdout of {label}", bytearray(result.stdout_bytes), command=cli.name))
        hear(f"stderr of {label}", result.stderr_bytes)
        return result


class _Tap(io.RawIOBase):
    """A pipe's end that keeps what is read from it."""

    def __init__(self, pipe, heard):
        super().__init__()
        self._pipe, self._heard = pipe, heard
        heard.is_open = True

    @property
    def name(self):
        return self._pipe.name

    def readable(self):
        return True

    def fileno(self):
        return self._pipe.fileno()

    def readinto(self, buffer):
        count = self._pipe.readinto(buffer)
        self._heard.output.extend(memoryview(buffer)[: count or 0])
        return count

    def close(self):
        self._heard.is_open = False
        self._pipe.close()
        super().close()


def _tapped(stream, heard):
    """The same stream, of the same kind."""
    match stream:
        case io.TextIOWrapper():
            encoding, errors = stream.encoding, stream.errors
            return io.TextIOWrapper(_tapped(stream.detach(), heard), encoding=encoding, errors=errors)
        case io.BufferedReader():
            return io.BufferedReader(_Tap(stream.detach(), heard))
        case io.FileIO():
            return _Tap(stream, heard)
        case _:
            return stream
