"""Where a program runs."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

_PLAIN: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")


def chat_folder(folder: Path, chat_id: str) -> Path:
    """A chat's own. An id that is no plain name, whoever has chosen it, names no other place."""
    name = chat_id if _PLAIN.fullmatch(chat_id) else hashlib.sha256(chat_id.encode()).hexdigest()
    return folder / "chats" / name


def make_folder(folder: Path) -> None:
    """Readable by us only, if it is not there. Blocks."""
    if not folder.is_dir():
        make_folder(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)
