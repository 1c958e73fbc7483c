"""
What systemd hands over for plugins (`LoadCredential=`): read here, or handed on to a plugin's own process.

Such a process is not told where systemd's credentials lie, among which is the agent's token. It is given the texts of
those that its table names, by keys that end in `_credential`, with the table itself: never in its environment, which
whatever it starts would inherit.

Source: systemd.exec(5), "Credentials".
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mycel_runtime.errors import CredentialError

if TYPE_CHECKING:
    from collections.abc import Mapping

_KEY: Final = "_credential"

_MOST_BYTES: Final = 65_536
"""Of a file that is read for a credential."""

_handed_on: Final[dict[str, str]] = {}
"""In a plugin's own process: all that it may read."""


def read_credential(name: str) -> str:
    """
    The text of a credential that systemd has handed over to the unit. Blocking.

    What of it is secret, is to be told to `remember_secret` by whoever knows: a key, but not the whole of a JSON.

    Args:
        name: As `LoadCredential=NAME:/path` has it. With `isolation = "process"` the plugin's table has to name it,
            by a key that ends in `_credential`; the text is that of the last start or reload then.

    Raises:
        CredentialError: There is none, or it is no text of at most 64 KiB.
    """
    if (text := _handed_on.get(name)) is not None:
        return text
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    if not folder or Path(name).name != name:
        raise CredentialError(name, "there is none")
    return _text(name, Path(folder, name))


def named_in(table: Mapping[str, Any]) -> list[str]:
    """
    The credentials that a plugin's table names.

    Args:
        table: `[plugins.NAME]`.
    """
    named = {
        value
        for key, value in table.items()
        if key.endswith(_KEY) and isinstance(value, str) and value and Path(value).name == value
    }
    return sorted(named)


def texts_for(table: Mapping[str, Any], files: Mapping[str, Path]) -> dict[str, str]:
    """
    What a process of a plugin's own is to be handed. What cannot be read is missed by the plugin, which says so.

    Args:
        table: Its table.
        files: Of an installed unit, by the credential's name; what is not among them is read where systemd, which
            has started this process, has put it.
    """
    texts = {}
    for name in named_in(table):
        try:
            texts[name] = _text(name, files[name]) if name in files else read_credential(name)
        except CredentialError:
            # The plugin asks for it by name, and is told then; one that does not need it yet goes on without.
            continue
    return texts


def hand_on(texts: Mapping[str, str]) -> None:
    """In a plugin's own process: these can be read here."""
    _handed_on.update(texts)


def _text(name: str, path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
        if len(data) <= _MOST_BYTES:
            return data.decode()
    except OSError as exc:
        raise CredentialError(name, exc.strerror or type(exc).__name__) from None
    except UnicodeDecodeError:
        pass  # Told below, and without its cause, which holds the bytes.
    raise CredentialError(name, f"it is no text of at most {_MOST_BYTES} bytes")
