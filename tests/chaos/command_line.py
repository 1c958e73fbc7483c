"""What campaigns have in common as commands: their numbers, a folder, a table, a verdict."""

from __future__ import annotations

import argparse
import contextlib
import tempfile
from pathlib import Path

MOST_TOLD = 20
"""Of each kind of what is wrong."""


def read_options(description, **numbers):
    """
    Of the command line.

    Args:
        description: Of the command.
        numbers: By name, each with its default.
    """
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name, default in numbers.items():
        parser.add_argument(f"--{name}", type=type(default), default=default)
    parser.add_argument("--folder", type=Path, help="keep what is written here")
    return parser.parse_args()


@contextlib.contextmanager
def folder_of(options):
    """The one that was named, or one that is gone at the end."""
    if options.folder is None:
        with tempfile.TemporaryDirectory(prefix="campaign-") as folder:
            yield Path(folder)
    else:
        options.folder.mkdir(exist_ok=True)
        yield options.folder


def report(rows):
    """Print the table."""
    for name, value in rows:
        print(f"{name:52s} {value}")


def conclude(*wrongs, told=()):
    """
    Print what is wrong; the exit status.

    Args:
        wrongs: In words, by kind.
        told: Likewise, what is not wrong.
    """
    lines = [line for kind in (*wrongs, told) for line in kind[:MOST_TOLD]]
    print("\n".join(lines) or "nothing is wrong")
    return 1 if any(wrongs) else 0
