"""
Text as PostgreSQL takes it: without NUL, which a malformed frame or a plugin's key may hold.

Such a text is escaped on its way in and is what it was on its way out. Refused, a frame would be heard again and
again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from psycopg.types.string import StrDumperUnknown, TextLoader
from typing_extensions import override

if TYPE_CHECKING:
    from psycopg import Connection
    from psycopg.abc import Buffer

_ESCAPE: Final = "\x1a"
"""A control character (SUB) that hardly any text holds; where it does, it stands twice."""


def escaped(text: str) -> str:
    """Without NUL; text without NUL and SUB is as it was."""
    if "\0" not in text and _ESCAPE not in text:
        return text
    return text.replace(_ESCAPE, _ESCAPE + "1").replace("\0", _ESCAPE + "0")


def unescaped(text: str) -> str:
    """As it was."""
    return text.replace(_ESCAPE + "0", "\0").replace(_ESCAPE + "1", _ESCAPE) if _ESCAPE in text else text


class _TextDumper(StrDumperUnknown):
    @override
    def dump(self, obj: str) -> Buffer | None:
        return super().dump(escaped(obj))


class _TextLoader(TextLoader):
    @override
    def load(self, data: Buffer) -> bytes | str:
        text = super().load(data)
        return unescaped(text) if isinstance(text, str) else text


def adapt_text(connection: Connection[object]) -> None:
    """Have all text of a connection go that way."""
    connection.adapters.register_dumper(str, _TextDumper)
    connection.adapters.register_loader("text", _TextLoader)
