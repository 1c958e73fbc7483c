"""
A bundled plugin's table in `config/plugins`, as its reader has it: a key, its default and a reason on each line.

What is commented out shows the default; `""` stands for nothing. Where the default would not show what belongs there,
as of an empty list, it is an example, and the comment says `default: …`. What is not commented out is required, and
its comment says so. An entry of an array of tables is an example as a whole.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, TypeAdapter

from mycel_runtime.settings_mistakes import model_at

ROOT: Final = Path(__file__).parents[2]

_HEADER: Final = re.compile(r"(?:# )?\[\[?([\w.-]+)\]\]?(?:\s+# (.+))?$")
_KEY: Final = re.compile(r"(?P<off># )?(?P<line>(?P<key>[\w-]+) = .+?)\s*$")
_REASON: Final = re.compile(r"\s# (?P<reason>\S.{2,})$")


def entry_points() -> dict[str, str]:
    """Of the bundled plugins: `module:name` by name."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return dict(project["entry-points"]["mycel_runtime.plugins"])


@dataclass(frozen=True)
class Key:
    """A line: where it is, what it says, and why."""

    table: tuple[str, ...]
    name: str
    value: Any
    is_shown: bool
    is_in_example: bool
    reason: str


def keys_of(text: str, plugin: str) -> list[Key]:
    """Every key of the plugin's tables, commented out or not."""
    table: tuple[str, ...] = ()
    is_in_example = False
    found = []
    for line in text.splitlines():
        if header := _HEADER.match(line):
            top, name, *table_parts = header[1].split(".")
            assert (top, name) == ("plugins", plugin), f"a table of somebody else: {line}"
            table, is_in_example = tuple(table_parts), "[[" in line
        elif (match := _KEY.match(line)) and (value := _value(match)) is not None:
            reason = _REASON.search(match["line"])
            why = reason["reason"] if reason else ""
            found.append(Key(table, match["key"], value[match["key"]], not match["off"], is_in_example, why))
    return found


def _value(match: re.Match[str]) -> dict[str, Any] | None:
    """`None`: a sentence that looks like a key."""
    try:
        return tomllib.loads(match["line"])
    except tomllib.TOMLDecodeError:
        assert match["off"], f"no TOML: {match[0]}"
        return None


def mistakes(model: type[BaseModel], text: str, plugin: str) -> list[str]:
    """What is not as it should be, a sentence each."""
    keys = keys_of(text, plugin)
    found = [f"{key.name}: no reason" for key in keys if not key.reason]
    for key in keys:
        holder = model_at(model, list(key.table))
        if holder is not None:
            found += _mistakes_of(holder, key)
    shown = {(key.table, key.name) for key in keys} | {
        (key.table[:-1], key.table[-1]) for key in keys if key.table
    }
    headers = {
        tuple(header[1].split(".")[2:]) for line in text.splitlines() if (header := _HEADER.match(line))
    }
    shown |= {(header[:-1], header[-1]) for header in headers if header}
    for table in {(), *headers}:
        holder = model_at(model, list(table))
        fields = holder.model_fields if holder is not None else {}
        found += [f"{'.'.join([*table, name])}: missing" for name in fields if (table, name) not in shown]
    return found


def _mistakes_of(holder: type[BaseModel], key: Key) -> list[str]:
    field = holder.model_fields.get(key.name)
    if field is None:
        return [f"{key.name}: unknown"]
    default = _plain(field.get_default(call_default_factory=True))
    is_nothing = key.value == "" and default is None
    if not is_nothing:
        TypeAdapter(field.rebuild_annotation()).validate_python(key.value)
    if field.is_required():
        is_said = (key.is_shown or key.is_in_example) and key.reason.startswith("required")
        return [] if is_said else [f"{key.name}: is required, and that is not said"]
    if is_nothing or key.is_in_example:
        return []
    if default in (None, [], {}, "") and key.value != default:
        is_said = "default:" in key.reason and not key.is_shown
        return [] if is_said else [f"{key.name}: an example, and no default is told"]
    return [] if key.value == default and not key.is_shown else [f"{key.name}: the default is {default!r}"]


def _plain(value: Any) -> Any:
    """As it is written in TOML."""
    if isinstance(value, BaseModel):
        return {name: _plain(each) for name, each in value if each is not None}
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return getattr(value, "source", value)
