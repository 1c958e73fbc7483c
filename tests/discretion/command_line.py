"""What a command line asks of the runtime."""

from __future__ import annotations

import contextlib
import os
import tomllib
from itertools import pairwise
from pathlib import Path
from typing import Final

MAIN: Final = "mycel_runtime.cli.main"
"""Imported by programs that do something before the runtime's first line."""


def arguments_of(command):
    """What follows `mycel-runtime` in this command; `None` where that is something else."""
    if isinstance(command, (str, bytes, os.PathLike)):
        return None
    words = [os.fsdecode(each) for each in command]
    for place, word in enumerate(words):
        is_named = Path(word).name == "mycel-runtime"
        is_module = words[place - 1] == "-m" and word == "mycel_runtime"
        is_program = words[place - 1] == "-c" and MAIN in word
        if is_named or is_module or is_program:
            return words[place + 1 :]
    return None


def command_of(arguments):
    """The words before the first option, at most two: `dead list`."""
    words = []
    for each in arguments[:2]:
        if not each.replace("-", "").isalpha() or each.startswith("-"):
            break
        words.append(each)
    return " ".join(words)


def agents_of(arguments):
    """The files that are named, each with its content, as far as they can be read."""
    for option, named in pairwise(arguments):
        if option in {"--config", "-c"}:
            path = Path(named)
            for file in sorted(path.glob("*.toml")) if path.is_dir() else [path]:
                with contextlib.suppress(OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
                    yield file, tomllib.loads(file.read_text())
