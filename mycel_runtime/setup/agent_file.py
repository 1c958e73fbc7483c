"""The text of an `agent.toml`, from what was decided. Pure."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from mycel_runtime.lazy_dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping

_HEAD = "# Written by mycel-runtime init. Paths are relative to this file; config/agent.toml shows every key."


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentFile:
    """
    An agent's configuration as `init` writes it.

    Attributes:
        name: As `[agent] name`.
        base_url: An address, or `embedded`.
        user_id: Whose token it must be; `None` with an embedded backend, which makes the agent itself.
        token_file: Absolute, or relative to the configuration; `None` likewise.
        plugin: Name of its table.
        table: The plugin's settings: texts, numbers, truth values, and lists and mappings of them.
    """

    name: str
    base_url: str
    user_id: str | None = None
    token_file: str | None = None
    plugin: str
    table: Mapping[str, Any]

    @property
    def tables(self) -> dict[str, Any]:
        """As a TOML parser gives it back."""
        agent = {
            "name": self.name,
            "base_url": self.base_url,
            "user_id": self.user_id,
            "token_file": self.token_file,
        }
        return {
            "agent": {key: value for key, value in agent.items() if value is not None},
            "plugins": {self.plugin: dict(self.table)},
        }

    @property
    def text(self) -> str:
        """The file's content."""
        tables = self.tables
        return "\n".join(
            [
                _HEAD,
                "",
                "[agent]",
                *_lines(tables["agent"]),
                "",
                f"[plugins.{_key(self.plugin)}]",
                *_lines(self.table),
                "",
            ]
        )


def _lines(table: Mapping[str, Any]) -> list[str]:
    return [f"{_key(key)} = {_value(value)}" for key, value in table.items()]


def _key(text: str) -> str:
    is_bare = text.isascii() and text.replace("-", "_").isidentifier()
    return text if is_bare else _value(text)


def _value(value: Any) -> str:
    """A value on one line. JSON's texts are TOML's, but for DEL, which TOML wants escaped."""
    if isinstance(value, dict):
        return "{" + ", ".join(_lines(value)) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_value, value)) + "]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
