"""
A disk that forgets, when the power fails, what was written since the last sync: some of it, or all.

A preloaded library (`volatile_disk.c`) writes down what a process does to a folder's files; from that, and from what
was there before, the files are made anew as they may be found afterwards. Promised is what POSIX promises: what was
written to a file before it was synced, and the names in a folder before that was. Anything may be there of the rest,
sector by sector.
"""

from __future__ import annotations

import ctypes
import itertools
import shutil
import struct
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

SOURCE = Path(__file__).with_suffix(".c")
WRITTEN, CUT, SYNCED, CREATED, UNLINKED, RENAMED = "wtscur"
STEP = struct.Struct("<cQqI")

SECTORS = (512, 4096)
"""Bytes that a disk writes as a whole or not at all."""

WAYS = ("nothing", "everything", "the first", "some", "sectors")
"""What is there of the steps that were not synced."""


def build(folder):
    """The library; `None` without a C compiler, or elsewhere than on Linux."""
    if sys.platform != "linux" or (compiler := shutil.which("cc")) is None:
        return None
    library = folder / "volatile_disk.so"
    command = [compiler, "-O1", "-Wall", "-Werror", "-shared", "-fPIC", "-o", library, SOURCE, "-lpthread"]
    subprocess.run(command, check=True, timeout=60)
    return library


def watch(folder, trace, *, deadly="", nth=0):
    """In a process with the library: write down each step from now on, and die before the n-th of this kind."""
    library = ctypes.CDLL(None)
    library.watch_folder(str(folder).encode(), str(trace).encode(), ord(deadly or "\0"), ctypes.c_long(nth))


@dataclass(slots=True)
class File:
    """What the disk has of a file for certain, and what was done to it since."""

    content: bytearray = field(default_factory=bytearray)
    pending: list = field(default_factory=list)

    def sync(self):
        for step in self.pending:
            apply(self.content, *step)
        self.pending.clear()


def apply(content, kind, offset, data):
    if kind == CUT:
        del content[offset:]
    end = offset + len(data)
    content.extend(bytes(max(0, end - len(content))))
    content[offset:end] = data


class Disk:
    """
    Of one folder, from before a life on.

    Attributes:
        counts: Steps of the life, by kind.
    """

    def __init__(self, folder):
        self._folder = folder
        self._files = {path.stat().st_ino: File(bytearray(path.read_bytes())) for path in folder.iterdir()}
        self._names = {path.name: self._files[path.stat().st_ino] for path in folder.iterdir()}
        self._pending_names = []
        self._inode = folder.stat().st_ino
        self.counts = Counter()

    @property
    def is_empty(self):
        """Whether nothing was there."""
        return not self._names

    def replay(self, trace, *, is_honest=True):
        """
        Follow a life.

        Args:
            trace: What the library has written.
            is_honest: A sync brings to the disk what it should; else nothing does.
        """
        raw, at = trace.read_bytes(), 0
        # The last step may be cut off: its caller was never told of it.
        while at + STEP.size <= len(raw):
            kind, inode, offset, length = STEP.unpack_from(raw, at)
            at += STEP.size + length
            if at <= len(raw):
                self._step(kind.decode(), inode, offset, raw[at - length : at], is_honest=is_honest)

    def _step(self, kind, inode, offset, data, *, is_honest):
        self.counts[kind] += 1
        if kind in (WRITTEN, CUT):
            self._files[inode].pending.append((kind, offset, data))
        elif kind == CREATED:
            self._files[inode] = File()
            self._pending_names.append((kind, data.decode(), self._files[inode]))
        elif kind == SYNCED and is_honest:
            self._sync(inode)
        elif kind != SYNCED:
            self._pending_names.append((kind, data.decode(), None))

    def _sync(self, inode):
        if inode != self._inode:
            self._files[inode].sync()
            return
        for step in self._pending_names:
            self._rename(*step)
        self._pending_names.clear()

    def _rename(self, kind, name, file):
        if kind == CREATED:
            self._names[name] = file
        elif kind == UNLINKED:
            self._names.pop(name, None)
        else:
            old, new = name.split("\0")
            self._names[new] = self._names.pop(old)

    def lose_power(self, dice):
        """
        Make the folder's files what is found of them.

        Returns:
            How many writes to its files were not synced.
        """
        way = dice.choice(WAYS)
        # Without SQLite's index of the log, which whoever comes first makes anew.
        lasting = {name: file for name, file in self._names.items() if not name.endswith("-shm")}
        pending = sum(len(file.pending) for file in lasting.values())
        # A file system brings names to the disk in their order.
        names = {"nothing": 0, "everything": len(self._pending_names)}
        for step in self._pending_names[: names.get(way, dice.randint(0, len(self._pending_names)))]:
            self._rename(*step)
        for path in self._folder.iterdir():
            path.unlink()
        for name, file in sorted(self._names.items()):
            if not name.endswith("-shm"):
                self._found(name, file, way, dice)
        return pending

    def _found(self, name, file, way, dice):
        content = bytearray(file.content)
        for step in _survivors(file.pending, way, dice):
            apply(content, *step)
        path = self._folder / name
        path.touch(mode=0o600)
        path.write_bytes(content)


def _survivors(steps, way, dice):
    """What of these steps is on the disk."""
    match way:
        case "nothing":
            return []
        case "everything":
            return steps
        case "the first":
            return steps[: dice.randint(0, len(steps))]
        case "some":
            return [step for step in steps if dice.random() < 0.5]
    size = dice.choice(SECTORS)
    return [part for step in steps for part in _sectors(*step, size) if dice.random() < 0.5]


def _sectors(kind, offset, data, size):
    """A step in parts that are there or not, each by itself."""
    if kind == CUT:
        return [(kind, offset, data)]
    cuts = [offset, *range(offset // size * size + size, offset + len(data), size), offset + len(data)]
    return [(kind, begin, data[begin - offset : end - offset]) for begin, end in itertools.pairwise(cuts)]
