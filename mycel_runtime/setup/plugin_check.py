"""Whether a plugin can be used with its settings: imported in a process of its own, as `plugins list` does."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final, Protocol

from mycel_runtime.errors import PluginError
from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.plugin.inventory import plugins_of
from mycel_runtime.plugin.loading import import_plugin, installed
from mycel_runtime.setup.plugin_choices import CHOICES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


BUNDLED: Final = frozenset(choice.name for choice in CHOICES)
"""Whose modules do nothing when they are imported; others' are left to a process of their own."""


class Missing(Protocol):
    """What a plugin lacks, as its `requirements` tell: what, and how it is got."""

    what: str
    fix: str


class PluginRefusal(PluginError):  # noqa: N818 - what a person may answer by another choice
    """A plugin cannot be used as it is wished."""


@dataclass(frozen=True, slots=True)
class CheckedPlugin:
    """
    A plugin that can be used.

    Attributes:
        hears_messages: So that it may answer.
    """

    hears_messages: bool


def check_plugin(name: str, table: Mapping[str, Any], config: Path) -> CheckedPlugin:
    """
    Import and check.

    Args:
        name: Of the table.
        table: Its settings.
        config: The configuration's place; need not be there.

    Raises:
        PluginRefusal: It cannot be used; says why and what to do.
    """
    (row,) = plugins_of({name: table}, config)
    if row.state == "refused":
        raise PluginRefusal(row.problem, where=row.where or f"[plugins.{name}]", fix=row.fix)
    if name in BUNDLED and (lacking := _missing(name, table, config)):
        raise PluginRefusal(
            "; ".join(each.what for each in lacking),
            where=f"[plugins.{name}]",
            fix="\n  ".join(each.fix for each in lacking),
        )
    heard = (text.partition(": ")[2] for text in row.handlers)
    return CheckedPlugin(any(text.startswith("messages") for text in heard))


def _missing(name: str, table: Mapping[str, Any], config: Path) -> list[Missing]:
    """Programs, packages and files that the plugin's `requirements.missing` tells of, if it has such a module."""
    module = f"{installed()[name].entry_point.module}.requirements"
    try:
        requirements = importlib.import_module(module)
    except ModuleNotFoundError:
        return []
    found: list[Missing] = requirements.missing(import_plugin(name, table, config).settings)
    return found
