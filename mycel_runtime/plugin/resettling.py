"""A plugin that is loaded takes other settings; its code stays as it was imported."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from mycel_runtime.plugin.loading import checked_settings, configured, where_of
from mycel_runtime.plugin.plugin import Plugin
from mycel_runtime.plugin.registry import pop_isolation

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from mycel_runtime.plugin.handler import Handler
    from mycel_runtime.plugin.registry import LoadedPlugin


def resettled(loaded: LoadedPlugin, name: str, table: Mapping[str, Any], config: Path) -> LoadedPlugin | None:
    """
    The plugin with these settings.

    Args:
        loaded: As it is.
        name: Of its table.
        table: As it stands in the file, with the same `path` and `isolation` as before.
        config: The TOML file.

    Returns:
        `None`: with them it would hear something else, or it could not be loaded at the start: it wants a restart.

    Raises:
        PluginError: It refuses them.
    """
    if loaded.refused is not None:
        return None
    changed = _isolated(loaded, name, table, config) if loaded.worker else _here(loaded, name, table, config)
    return changed if _wishes(changed.plugin.handlers) == _wishes(loaded.plugin.handlers) else None


def _here(loaded: LoadedPlugin, name: str, table: Mapping[str, Any], config: Path) -> LoadedPlugin:
    own = {key: value for key, value in table.items() if key not in {"path", "isolation"}}
    declared = loaded.declared or loaded.plugin
    settings = checked_settings(declared, name, own, config)
    return dataclasses.replace(loaded, settings=settings, plugin=configured(declared, name, settings, config))


def _isolated(loaded: LoadedPlugin, name: str, table: Mapping[str, Any], config: Path) -> LoadedPlugin:
    """A process of its own is asked, as at the start; those that wait for work are ended with their settings."""
    from mycel_runtime.plugin.isolation.description import handlers_from  # noqa: PLC0415 - only who isolates pays
    from mycel_runtime.plugin.isolation.inquiry import Inquiry  # noqa: PLC0415 - likewise

    spec = pop_isolation(name, dict(table), config)
    assert spec is not None
    with Inquiry(spec) as inquiry:
        said = inquiry.answer(where_of(name, config))
    plugin = Plugin(said.plugin)
    plugin.adopt(handlers_from(said))
    return dataclasses.replace(loaded, plugin=plugin, worker=spec)


def _wishes(handlers: Iterable[Handler]) -> list[Handler]:
    """What they want to hear and how: a function that was declared again is another object."""
    return [
        dataclasses.replace(
            handler,
            function=_nothing,
            on_give_up=_nothing if callable(handler.on_give_up) else handler.on_give_up,
        )
        for handler in handlers
    ]


def _nothing() -> None:
    """In place of a function."""
