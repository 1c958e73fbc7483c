"""The text of a file that somebody has written."""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING

from mycel_runtime.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path


def read_config(path: Path) -> str:
    """
    The text of a TOML file: UTF-8, with or without a byte order mark.

    Raises:
        ConfigError: Missing, unreadable, or in another encoding.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError as exc:
        raise ConfigError(
            "no such file",
            where=str(path),
            fix="Name an existing file with --config; config/agent.toml shows every key.",
        ) from exc
    except OSError as exc:
        raise ConfigError(
            f"cannot be read: {exc.strerror}", where=str(path), fix="Check file and permissions."
        ) from exc
    return decode(data, str(path))


def decode(data: bytes, where: str) -> str:
    """
    What a file's bytes say: UTF-8, with or without a byte order mark.

    Raises:
        ConfigError: They are in another encoding.
    """
    fix = f"Save it as UTF-8, for example: iconv -f UTF-16 -t UTF-8 '{where}'"
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or b"\0" in data:
        raise ConfigError("not UTF-8: it looks like UTF-16", where=where, fix=fix)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        line = data.count(b"\n", 0, exc.start) + 1
        raise ConfigError(f"not UTF-8 in line {line}", where=where, fix="Save it as UTF-8.") from exc
