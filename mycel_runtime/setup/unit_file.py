"""A unit is put where systemd looks for it, over an earlier one of the same agent only, and systemd told."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Final

from mycel_runtime.errors import ConfigError
from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.settings.base_directories import base_directory
from mycel_runtime.setup.private_file import write_file
from mycel_runtime.units.installed import config_started_by

_SYSTEM: Final = Path("/etc/systemd/system")
"""Of the administrator. Source: systemd.unit(5), "Unit File Load Path"."""

_MODE: Final = 0o644
"""It names files, and holds no secret."""

_BOOTED: Final = Path("/run/systemd/system")
"""There if systemd is the first process. Source: sd_booted(3)."""

_RELOAD_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class WrittenUnit:
    """
    A unit in its place.

    Attributes:
        path: Of the file.
        is_first: No unit was there before.
        is_changed: It is another text than the one that was there.
    """

    path: Path
    is_first: bool
    is_changed: bool


def unit_folder(*, is_for_user: bool) -> Path:
    """
    Where systemd looks for what its administrator, or a user, has written.

    Raises:
        ConfigError: The user has no home.
    """
    if not is_for_user:
        return _SYSTEM
    config = base_directory("XDG_CONFIG_HOME", ".config", holds="units", fix="Name a --folder.")
    return config / "systemd" / "user"


def write_unit(path: Path, text: str, runs: Path) -> WrittenUnit:
    """
    Write a unit file, with its folder.

    Args:
        path: Where.
        text: All of it.
        runs: The file or folder of whose agent it is.

    Raises:
        ConfigError: It cannot be written, or something else's unit is there.
    """
    before = _before(path, runs)
    if before != text:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as exc:
            raise _unwritable(path.parent, exc) from exc
        write_file(path, text, mode=_MODE)
    return WrittenUnit(path, is_first=before is None, is_changed=before != text)


def tell_systemd(*, is_for_user: bool) -> bool:
    """
    Have systemd read its units again; whether there is a systemd that has.

    Args:
        is_for_user: The user's own.
    """
    program = shutil.which("systemctl")
    if program is None or not _BOOTED.is_dir():
        return False
    command = [program, *(["--user"] if is_for_user else []), "daemon-reload"]
    try:
        ended = subprocess.run(  # noqa: S603 - systemd's own
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_RELOAD_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return ended.returncode == 0


def _before(path: Path, runs: Path) -> str | None:
    """What is there; `None`: nothing."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as exc:
        raise ConfigError("cannot be read", where=str(path), fix="Move it away.") from exc
    if (started := config_started_by(text)) != runs.absolute():
        raise ConfigError(
            f"is there already, and runs {started or 'something else'}",
            where=str(path),
            fix="Move it away, or write this one elsewhere: --folder FOLDER.",
        )
    return text


def _unwritable(path: Path, exc: OSError) -> ConfigError:
    return ConfigError(
        f"cannot be written: {exc.strerror}",
        where=str(path),
        fix="Write it as root, or with --user into a folder of yours.",
    )
