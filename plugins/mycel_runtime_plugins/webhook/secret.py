"""The keys that deliveries are signed with: read anew each time, so that renewed ones are used; shown to nobody."""

from __future__ import annotations

import base64
import binascii
import os
import stat
from typing import TYPE_CHECKING, Final

from mycel_runtime import CredentialError, read_credential, remember_secret

if TYPE_CHECKING:
    from pathlib import Path

    from mycel_runtime_plugins.webhook.settings import WebhookSettings

PREFIX: Final = "whsec_"
"""Before a key in base64. Source: Standard Webhooks, "Signature scheme"."""

_KEY_BYTES: Final = range(24, 65)
"""Source: as above, 192 to 512 bits."""

_MOST_BYTES: Final = 65_536
"""Of a file that is read for keys."""


class SecretError(Exception):
    """There is no key, or none that may be used; the text, without a value, says why and what to do."""


def read_keys(settings: WebhookSettings) -> list[bytes]:
    """
    The keys, the newest first: a receiver accepts a signature of any of them. Blocking.

    Raises:
        SecretError: They cannot be read, others can read their file too, or one is none.
    """
    if settings.secret_file is not None:
        text = _guarded(settings.secret_file)
    elif settings.secret_credential is not None:
        text = _credential(settings.secret_credential)
    else:
        text = os.environ.get(str(settings.secret_env), "")
    keys = [_key(word) for word in text.split()]
    if not keys:
        raise SecretError("there is no key: write whsec_ and 32 random bytes in base64")
    return keys


def _key(word: str) -> bytes:
    remember_secret(word.removeprefix(PREFIX))
    try:
        key = base64.b64decode(word.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise SecretError("a key is no base64: write whsec_ and 32 random bytes in base64") from None
    if len(key) not in _KEY_BYTES:
        raise SecretError(f"a key has {len(key)} bytes: 24 to 64 are needed")
    return key


def _guarded(path: Path) -> str:
    """Of a file that only its owner can read."""
    text, mode = _read(path, "secret_file")
    if mode & 0o077:
        raise SecretError(f"secret_file is open to others (mode {mode:04o}): chmod 600 '{path}'")
    return text


def _credential(name: str) -> str:
    """Of systemd, which guards it by other means than a mode."""
    try:
        return read_credential(name)
    except CredentialError as exc:
        raise SecretError(f"cannot read the credential {name} ({exc.problem}): {exc.fix}") from None


def _read(path: Path, key: str) -> tuple[str, int]:
    """What is in it, and the mode of the same file: another one may take its place meanwhile."""
    try:
        with path.open("rb") as file:
            return file.read(_MOST_BYTES).decode(), stat.S_IMODE(os.fstat(file.fileno()).st_mode)
    except (OSError, UnicodeDecodeError) as exc:
        raise SecretError(f"cannot read {key} ({type(exc).__name__}): {path}") from None
