"""The endpoint's key: read anew for each turn, so that a renewed one is used, and shown to nobody."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Final

from pydantic import SecretStr

from mycel_runtime import CredentialError, read_credential, remember_secret

if TYPE_CHECKING:
    from pathlib import Path

    from mycel_runtime_plugins.llm.settings import LlmSettings

_MOST_BYTES: Final = 65_536
"""Of a file that is read for a key: vendors' have some hundred."""


class ApiKeyError(Exception):
    """
    There is no key, or none that may be used; without a value.

    Attributes:
        what: What is missing.
        fix: What to do.
    """

    def __init__(self, what: str, fix: str) -> None:
        self.what, self.fix = what, fix
        super().__init__(f"{what}: {fix}")


def read_api_key(settings: LlmSettings) -> SecretStr:
    """
    The key; empty where the endpoint takes none. Blocking.

    Raises:
        ApiKeyError: It cannot be read, others can read its file too, or it could not stand in a header.
    """
    if settings.api_key_file is not None:
        return _checked(_guarded(settings.api_key_file), f"a key in {settings.api_key_file}")
    if name := settings.api_key_credential:
        return _checked(_credential(name), f"a key in the credential {name}")
    if name := settings.api_key_env:
        return _checked(os.environ.get(name, ""), f"a key in the environment variable {name}")
    if not settings.base_url:
        raise ApiKeyError(
            f"a key for {settings.url}", "Write it into a file of mode 0600, and name that by api_key_file."
        )
    return SecretStr("")


def _guarded(path: Path) -> str:
    """Of a file that only its owner can read."""
    text, mode = _read(path, f"the file {path}", "Write the key there, mode 0600, or correct api_key_file.")
    if mode & 0o077:
        raise ApiKeyError(f"a key that is not open to others (mode {mode:04o})", f"chmod 600 '{path}'")
    return text


def _credential(name: str) -> str:
    """Of systemd, which guards it by other means than a mode."""
    try:
        return read_credential(name)
    except CredentialError as exc:
        raise ApiKeyError(f"the credential {name} ({exc.problem})", exc.fix) from None


def _read(path: Path, what: str, fix: str) -> tuple[str, int]:
    """What is in it, and the mode of the same file: another one may take its place meanwhile."""
    try:
        with path.open("rb") as file:
            return file.read(_MOST_BYTES).decode(), stat.S_IMODE(os.fstat(file.fileno()).st_mode)
    except (OSError, UnicodeDecodeError):
        raise ApiKeyError(what, fix) from None


def _checked(text: str, what: str) -> SecretStr:
    """What can stand in a header: one word of printable ASCII."""
    key = text.strip()
    if not key or not all("!" <= character <= "~" for character in key):
        raise ApiKeyError(what, "Put the key there, alone.")
    remember_secret(key)
    return SecretStr(key)
