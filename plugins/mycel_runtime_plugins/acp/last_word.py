"""
The reply by which a chat's turn was answered, told from those that the agent has said by tools on the way.

After a SIGKILL the journal knows which replies stand, and not which of them was the last. So what is to be the last
is noted before it is said; only its hash, because nobody's words are kept here.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class LastWord:
    """
    Of one chat: the newest that was to be said.

    Args:
        file: Where it is noted.
    """

    def __init__(self, file: Path) -> None:
        self._file = file

    async def note(self, text: str) -> None:
        """
        This is going to be said, and ends the turn.

        Raises:
            OSError: It cannot be written down.

        Cancelling: it is noted or not.
        """
        await asyncio.to_thread(self._write, _hash_of(text))

    async def forget(self) -> None:
        """
        A turn begins: what ended one before may be said in it on the way.

        Cancelling: it is forgotten or not.
        """
        await asyncio.to_thread(self._file.unlink, missing_ok=True)

    async def is_this(self, text: str) -> bool:
        """
        Whether that was noted last.

        Cancelling: loses nothing.
        """
        return await asyncio.to_thread(self._read) == _hash_of(text)

    def _write(self, told: str) -> None:
        self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = self._file.with_name(f"{self._file.name}.new")
        with fresh.open("w") as new:
            new.write(told)
            new.flush()
            os.fsync(new.fileno())
        fresh.replace(self._file)

    def _read(self) -> str:
        try:
            return self._file.read_text()
        except FileNotFoundError:
            return ""


def _hash_of(text: str) -> str:
    return hashlib.sha256(text.strip().encode(errors="surrogatepass")).hexdigest()
