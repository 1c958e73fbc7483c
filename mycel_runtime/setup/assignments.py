"""`KEY=VALUE` on a command line becomes a plugin's settings. Pure."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any

from mycel_runtime.errors import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Iterable


def parse_assignments(texts: Iterable[str]) -> dict[str, Any]:
    """
    The table that they make.

    Args:
        texts: Each `KEY=VALUE`. A value that is TOML is taken as such (`timeout=30`, `command=["./answer.sh"]`);
            any other is a text.

    Raises:
        ArgumentError: One is not of this form, or a key is given twice.
    """
    table: dict[str, Any] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not (key.strip() and equals):
            raise ArgumentError(
                f"--set {text}: not of the form KEY=VALUE", fix="Write, for example, agent=claude."
            )
        if key.strip() in table:
            raise ArgumentError(f"--set {key.strip()}: given twice", fix="Leave one of them out.")
        table[key.strip()] = _value(value)
    return table


def _value(text: str) -> Any:
    if "\n" in text:
        return text
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
    # Dates and times are no settings of any plugin, and JSON has none.
    return value if isinstance(value, str | bool | int | float | list | dict) else text
