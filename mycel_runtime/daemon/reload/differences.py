"""
What a file that was read again says otherwise, key by key, and which of that may change under a running agent. Pure.

Whatever is not listed here is read by parts that were made from it, and wants a restart.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from mycel_runtime.lazy_dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from mycel_runtime.settings import Settings

LIVE: Final[Mapping[str, Collection[str]]] = {
    "agent": ("token", "token_file"),
    "dispatch": (
        "concurrency",
        "handler_timeout",
        "max_attempts",
        "retry_base",
        "retry_cap",
        "conflict_rounds",
        "quarantine_after",
        "quarantine_time",
    ),
    "guard": ("turns", "window", "chat_sends", "plugin_sends"),
    "journal": ("keep", "keep_dead_letters", "max_size"),
    "daemon": ("drain_timeout",),
    "log": ("level", "format"),
}
"""Keys of sections that may; those of plugins are asked about one by one."""

OF_THE_RUNTIME: Final = ("path", "isolation", "import_timeout")
"""Keys of a plugin's table that say where its code runs, and so are no settings of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Differences:
    """
    Between the settings in force and a file.

    Attributes:
        live: Keys that may change at once, as `[section] key`.
        restart: Keys that want a restart.
        plugins: Names of those whose settings may change, if the plugin itself agrees.
    """

    live: tuple[str, ...]
    restart: tuple[str, ...]
    plugins: tuple[str, ...]


def differences(now: Settings, wanted: Settings) -> Differences:
    """
    What is said otherwise.

    Args:
        now: In force.
        wanted: As the file has it.
    """
    keys = [(section, key, key in LIVE.get(section, ())) for section, key in _sections(now, wanted)]
    tables = _changed_tables(now, wanted)
    plugins = tuple(name for name in tables if _may_resettle(now, wanted, name))
    return Differences(
        live=tuple(f"[{section}] {key}" for section, key, is_live in keys if is_live),
        restart=(
            *(f"[{section}] {key}" for section, key, is_live in keys if not is_live),
            *(key for name in tables if name not in plugins for key in plugin_keys(now, wanted, name)),
        ),
        plugins=plugins,
    )


def in_force(now: Settings, wanted: Settings, plugins: Collection[str]) -> Settings:
    """
    The settings after what may change has changed.

    Args:
        now: Before.
        wanted: As the file has it.
        plugins: Those that have taken their new settings.
    """
    sections = {
        section: getattr(now, section).model_copy(
            update={key: getattr(getattr(wanted, section), key) for key in keys}
        )
        for section, keys in LIVE.items()
    }
    tables = {name: wanted.plugins[name] if name in plugins else table for name, table in now.plugins.items()}
    return now.model_copy(update=sections | {"plugins": tables})


def plugin_keys(now: Settings, wanted: Settings, name: str) -> list[str]:
    """What of a plugin's table is said otherwise; the table itself, if it is new or gone."""
    if name not in now.plugins or name not in wanted.plugins:
        return [f"[plugins.{name}]"]
    return [f"[plugins.{name}] {key}" for key in _keys_of(now.plugins[name], wanted.plugins[name])]


def _sections(now: Settings, wanted: Settings) -> Iterator[tuple[str, str]]:
    for section in type(now).model_fields:
        if section == "plugins":
            continue
        before, after = getattr(now, section), getattr(wanted, section)
        for key in type(before).model_fields:
            if getattr(before, key) != getattr(after, key):
                yield section, key


def _changed_tables(now: Settings, wanted: Settings) -> list[str]:
    names = [*now.plugins, *(name for name in wanted.plugins if name not in now.plugins)]
    return [name for name in names if now.plugins.get(name) != wanted.plugins.get(name)]


def _may_resettle(now: Settings, wanted: Settings, name: str) -> bool:
    if name not in now.plugins or name not in wanted.plugins:
        return False
    return not set(_keys_of(now.plugins[name], wanted.plugins[name])) & set(OF_THE_RUNTIME)


def _keys_of(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    keys = [*before, *(key for key in after if key not in before)]
    missing = object()
    return [key for key in keys if before.get(key, missing) != after.get(key, missing)]
