"""
How a text is written in a unit file, so that systemd reads the same text. Pure.

Source: systemd.unit(5) "Specifiers", systemd.syntax(7) "Quoting", systemd.service(5) "Command lines".
"""

from __future__ import annotations

import re
from typing import Final

_PLAIN: Final = re.compile(r"[\w./:@%+=,~^-]+", re.ASCII)
"""What needs no quotes."""


def plain_value(text: str) -> str:
    """For a setting that takes the rest of its line: `%` begins a specifier."""
    return text.replace("%", "%%")


def word(text: str) -> str:
    """For a setting that takes words."""
    escaped = plain_value(text)
    if _PLAIN.fullmatch(escaped):
        return escaped
    return '"' + escaped.replace("\\", "\\\\").replace('"', '\\"') + '"'


def argument(text: str) -> str:
    """For a command line, behind the program: `$` begins a variable there."""
    return word(text.replace("$", "$$"))


def text_of_argument(written: str) -> str:
    """What `argument` has written."""
    plain = re.sub(r"\\(.)", r"\1", written[1:-1]) if written.startswith('"') else written
    return plain.replace("%%", "%").replace("$$", "$")


def mount_source(text: str) -> str:
    """For a path to be bound: a colon parts source and destination."""
    escaped = plain_value(text).replace("\\", "\\\\").replace(":", "\\:")
    # Read twice: as a word, and then as a pair.
    return '"' + escaped.replace("\\", "\\\\").replace('"', '\\"') + '"'
