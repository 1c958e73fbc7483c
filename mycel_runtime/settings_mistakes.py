"""
A mistake in the configuration, told as an operator wants to read it: where it stands, what is wrong, what to do.

Apart from the settings, because a plugin's own process reads its table too and needs nothing else of them.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from typing import TYPE_CHECKING, Any, Final, get_args

from pydantic import BaseModel

from mycel_runtime.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pydantic_core import ErrorDetails

ENV_PREFIX: Final = "MYCEL_RUNTIME_"

ENV_DELIMITER: Final = "__"

_MOVED: Final[Mapping[tuple[str, ...], tuple[str, str]]] = {("agent", "proxy"): ("network", "proxy")}
"""Keys that used to stand elsewhere."""

NAME_PATTERN: Final = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"

ADDRESS_PATTERN: Final = r"(?i)^\s*(embedded\s*|https?://.*)$"

_WORDS: Final = {
    NAME_PATTERN: "letters, digits, '.', '_' and '-', beginning with a letter or a digit, 64 at most",
    ADDRESS_PATTERN: '"embedded", or an address that begins with https:// or http://',
}
"""What a pattern asks for, for somebody who reads no regular expressions."""


def explain_error(
    error: ErrorDetails, model: type[BaseModel], file: str, text: str, prefix: Sequence[str] = ()
) -> ConfigError:
    """
    One pydantic error as an operator wants to read it.

    Args:
        error: Of a `ValidationError`.
        model: Where `error["loc"]` starts.
        file: Name of the TOML file.
        text: Its content, to find the line in.
        prefix: Table that `model` is read from.
    """
    location = [str(part) for part in error["loc"]]
    *table, key = [*prefix, *location]
    where = where_of(table, key, file, text)
    match error["type"]:
        case "extra_forbidden":
            problem, fix = _unknown(model, prefix, location)
            return ConfigError(problem, where=where, fix=fix)
        case "missing":
            shown = f" below [{'.'.join(table)}]" if prefix else "; config/agent.toml shows every key"
            return ConfigError("missing", where=where, fix=f"Add it{shown}.")
        case "string_pattern_mismatch" if words := _WORDS.get(error["ctx"]["pattern"]):
            return ConfigError("not of the form that is needed", where=where, fix=f"Use {words}.")
        case "mistake":
            return ConfigError(error["ctx"]["problem"], where=where, fix=error["ctx"]["fix"])
        case _:
            # What a validator has raised is told without pydantic's words before it.
            said = error["ctx"]["error"] if error["type"] == "value_error" else error["msg"]
            # Of a table as a whole its author alone knows what to do, and has said it.
            return ConfigError(str(said), where=where, fix="Correct the value." if location else "")


def where_of(table: Sequence[str], key: str, file: str, text: str) -> str:
    """
    Where a key was set, for an error about it.

    Args:
        table: That the key is in.
        key: Its name.
        file: Name of the TOML file.
        text: Its content.
    """
    name = f"[{'.'.join(table)}] {key}" if table else f"[{key}]"
    if variable := variable_of([*table, key]):
        return f"environment variable {variable}: {name}"
    line = find_line(text, table, key) or _line_of_list([*table, key], text) or _line_of_table(table, text)
    return f"{file}{f', line {line}' if line else ''}: {name}"


def find_line(text: str, table: Sequence[str], key: str) -> int | None:
    """
    The line, from 1, where a key stands in a TOML text; `None` if it is not in the file.

    Args:
        text: The file's.
        table: That the key is in; an entry of an array of tables is a part of its own, from 0: `["posts", "0"]`.
        key: Its name; or of a table, to find its header.
    """
    section: list[str] = []
    entries: Counter[tuple[str, ...]] = Counter()
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _HEADER.match(line):
            section = [part.strip().strip("\"'") for part in (header["entry"] or header["table"]).split(".")]
            if header["entry"]:
                section = [*section, str(entries[*section])]
                entries[*section[:-1]] += 1
            if section == [*table, key]:
                return number
        elif section == list(table) and re.match(rf"\s*[\"']?{re.escape(key)}[\"']?\s*[=.]", line):
            return number
    return None


_HEADER: Final = re.compile(r"\s*(?:\[\[(?P<entry>[^\[\]]+)\]\]|\[(?P<table>[^\[\]]+)\])")


def _line_of_table(table: Sequence[str], text: str) -> int | None:
    """Of a key that is not there: the line of its table's header."""
    return find_line(text, table[:-1], table[-1]) if table else None


def _line_of_list(location: Sequence[str], text: str) -> int | None:
    """Of something in a list whose own line cannot be told: the line of the entry, else of the list."""
    while any(part.isdecimal() for part in location[-2:]):
        location = location[:-1]
        if line := find_line(text, location[:-1], location[-1]):
            return line
    return None


def _unknown(model: type[BaseModel], prefix: Sequence[str], location: Sequence[str]) -> tuple[str, str]:
    """What is to be said of a key that there is not, and what to do."""
    if moved := _MOVED.get((*prefix, *location)):
        section, new = moved
        return "has moved", f"Write it as {new} in the section [{section}]."
    return "unknown key", _suggest(model, location)


def _suggest(model: type[BaseModel], location: Sequence[str]) -> str:
    """The known key nearest to an unknown one."""
    holder = model_at(model, location[:-1])
    return "Remove it." if holder is None else nearest_of(location[-1], sorted(holder.model_fields))


def model_at(model: type[BaseModel], location: Sequence[int | str]) -> type[BaseModel] | None:
    """The model of the table at a place below one's own; `None`: it is not told by the annotations alone."""
    for part in location:
        field = model.model_fields.get(str(part))
        if field is None:
            if str(part).isdecimal():
                continue
            return None
        below = [kind for kind in _kinds(field.annotation) if issubclass(kind, BaseModel)]
        if len(below) != 1:
            return None
        model = below[0]
    return model


def _kinds(annotation: Any) -> list[type]:
    """All classes that an annotation names, in lists and unions too."""
    if arguments := get_args(annotation):
        return [kind for argument in arguments for kind in _kinds(argument)]
    return [annotation] if isinstance(annotation, type) else []


def nearest_of(name: str, known: Sequence[str]) -> str:
    """What to do about a name that nobody knows."""
    import difflib  # noqa: PLC0415 - only who is mistaken pays

    nearest = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"Did you mean {nearest[0]!r}?" if nearest else f"Known keys: {', '.join(known)}."


def variable_of(location: Sequence[str]) -> str | None:
    """The environment variable that sets this key, or a table that it is in, as it is spelled there."""
    names = {name.upper(): name for name in os.environ}
    for end in range(len(location), 0, -1):
        wanted = f"{ENV_PREFIX}{ENV_DELIMITER.join(location[:end])}".upper()
        if wanted in names:
            return names[wanted]
    return None
