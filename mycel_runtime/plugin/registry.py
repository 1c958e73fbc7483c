"""
The tables of a configuration become checked plugins.

A table `[plugins.NAME]` names an entry point of the group `mycel_runtime.plugins`, or, with `path`, a Python
file; `isolation = "process"` gives it processes of its own. The rest of the table is the plugin's settings. An import
that fails ends the start, unless the plugin is isolated and others are there: then it is refused, and they go on.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Final

from mycel_runtime.errors import PluginError, PluginImportError
from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.observe.observer import FanOut
from mycel_runtime.plugin.credentials import named_in, texts_for
from mycel_runtime.plugin.import_watch import watched_import
from mycel_runtime.plugin.isolation.process import WorkerSpec
from mycel_runtime.plugin.loading import import_plugin, where_of
from mycel_runtime.plugin.plugin import Plugin
from mycel_runtime.plugin.process_state import entrusted_to
from mycel_runtime.settings.credentials import is_runtimes_own

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from mycel_runtime.observe.observer import Observer
    from mycel_runtime.plugin.handler import Handler
    from mycel_runtime.plugin.isolation.inquiry import Inquiry

_NOBODY: Final = FanOut([])

_NO_FILES: Final[Mapping[str, Path]] = {}

IMPORT_SECONDS: Final = 20.0
"""Until an isolated plugin must have described itself, unless its table says `import_timeout`."""

_MOST_IMPORT_SECONDS: Final = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedPlugin:
    """
    A plugin that passed its checks, here or in a process of its own.

    Attributes:
        settings: An instance of its model, or the plain table; of an isolated one nothing, they stay in its process.
        origin: Distribution or file.
        version: Of the distribution; empty for a file.
        worker: Set when its handlers run in processes of their own.
        refused: Why it has no handlers: it is isolated, and its import failed.
        declared: As its module declares it, without what `on_load` adds; `None` of an isolated one.
    """

    plugin: Plugin
    settings: Any
    origin: str
    version: str
    worker: WorkerSpec | None = None
    refused: PluginImportError | None = None
    declared: Plugin | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundHandler:
    """A handler with its plugin's settings."""

    handler: Handler
    settings: Any
    worker: WorkerSpec | None = None


def load_plugins(
    tables: Mapping[str, Mapping[str, Any]], config: Path, observer: Observer = _NOBODY
) -> list[LoadedPlugin]:
    """
    Load and check every plugin that the configuration names, in its order.

    Args:
        tables: `[plugins.*]`.
        config: The TOML file, for error texts and relative paths.
        observer: Told of each import, before and, if it takes long, while it goes on.

    Raises:
        PluginError: A plugin is unknown, fails to import and is not isolated, is no `Plugin`, or its settings are
            wrong; or none is left.
    """
    if not tables:
        raise PluginError(
            "no plugins, so nobody would answer",
            where=str(config),
            fix="Add a table, for example [plugins.echo].",
        )
    loaded = _load_all(tables, config, observer)
    refused = [plugin.refused for plugin in loaded if plugin.refused is not None]
    if len(refused) == len(loaded):
        raise refused[0]
    names = [plugin.plugin.name for plugin in loaded]
    for name in names:
        if names.count(name) > 1:
            raise PluginError(f"two plugins call themselves {name!r}", where=str(config), fix="Rename one.")
    return loaded


def bound_handlers(plugins: Sequence[LoadedPlugin]) -> list[BoundHandler]:
    """All handlers of all plugins."""
    return [
        BoundHandler(handler=handler, settings=loaded.settings, worker=loaded.worker)
        for loaded in plugins
        for handler in loaded.plugin.handlers
    ]


def _load_all(
    tables: Mapping[str, Mapping[str, Any]], config: Path, observer: Observer
) -> list[LoadedPlugin]:
    """In their order; the isolated ones are asked side by side, while the others are imported."""
    specs = {name: pop_isolation(name, dict(table), config) for name, table in tables.items()}
    with contextlib.ExitStack() as stack:
        inquiries = {name: stack.enter_context(_inquiry(spec)) for name, spec in specs.items() if spec}
        loaded = []
        for name, table in tables.items():
            with watched_import(name, observer):
                loaded.append(
                    _ask(inquiries[name], config) if name in inquiries else _import(name, table, config)
                )
        return loaded


def _import(name: str, table: Mapping[str, Any], config: Path) -> LoadedPlugin:
    own = {key: value for key, value in table.items() if key != "isolation"}
    with entrusted_to(name):
        imported = import_plugin(name, own, config)
    return LoadedPlugin(
        plugin=imported.plugin,
        settings=imported.settings,
        origin=imported.origin,
        version=imported.version,
        declared=imported.declared,
    )


def _inquiry(spec: WorkerSpec) -> Inquiry:
    """What is said to isolated plugins is imported here, all of it: a package may be replaced under a daemon."""
    from mycel_runtime.plugin.isolation import inquiry, workers  # noqa: F401, PLC0415 - only who isolates pays

    return inquiry.Inquiry(spec)


def _ask(inquiry: Inquiry, config: Path) -> LoadedPlugin:
    """An isolated plugin, from what its own process says of it."""
    from mycel_runtime.plugin.isolation.description import handlers_from  # noqa: PLC0415 - likewise

    spec = inquiry.spec
    try:
        said = inquiry.answer(where_of(spec.name, config))
    except PluginImportError as exc:
        return LoadedPlugin(
            plugin=Plugin(spec.name), settings={}, origin="", version="", worker=spec, refused=exc
        )
    plugin = Plugin(said.plugin)
    plugin.adopt(handlers_from(said))
    return LoadedPlugin(
        plugin=plugin,
        settings={},
        origin=said.origin,
        version=said.version,
        worker=spec,
    )


def pop_isolation(
    name: str, table: dict[str, Any], config: Path, *, files: Mapping[str, Path] = _NO_FILES
) -> WorkerSpec | None:
    """
    Take out of a plugin's table what is about isolation.

    Args:
        name: Of the table.
        table: As it stands in the file; then the plugin's own settings.
        config: The TOML file.
        files: As of `texts_for`.

    Returns:
        What its process loads; `None`: it has none of its own.

    Raises:
        PluginError: It makes no sense.
    """
    isolation, where = table.pop("isolation", "none"), where_of(name, config)
    if isolation not in ("none", "process"):
        raise PluginError(
            f"isolation = {isolation!r} is unknown", where=where, fix='Use "none" or "process".'
        )
    if isolation == "none":
        _require_no_other_keys(table, where)
        return None
    seconds = table.pop("import_timeout", IMPORT_SECONDS)
    if not isinstance(seconds, int | float) or not 0 < seconds <= _MOST_IMPORT_SECONDS:
        raise PluginError(
            f"import_timeout = {seconds!r} is none",
            where=where,
            fix=f"Use seconds, {_MOST_IMPORT_SECONDS:g} at most.",
        )
    _require_foreign(named_in(table), where)
    return WorkerSpec(
        name=name,
        table=table,
        config=config.absolute(),
        import_timeout=seconds,
        credentials=texts_for(table, files),
    )


def _require_foreign(credentials: Sequence[str], where: str) -> None:
    """Whoever has a process of his own is not to have the agent's token."""
    for name in filter(is_runtimes_own, credentials):
        raise PluginError(
            f"the credential {name} is the runtime's own, and handed on to no plugin's process",
            where=where,
            fix="Name another one.",
        )


def _require_no_other_keys(table: Mapping[str, Any], where: str) -> None:
    """What is the runtime's to read must not end up among the plugin's settings for a slip of the pen."""
    for key in table:
        if key == "import_timeout":
            raise PluginError(
                f"{key} is without meaning here",
                where=where,
                fix='Remove it, or add isolation = "process": only what runs in another process can be ended.',
            )
        import difflib  # noqa: PLC0415 - only a plugin with settings pays

        if nearest := difflib.get_close_matches(key, ("isolation", "import_timeout"), n=1, cutoff=0.8):
            raise PluginError(f"{key} is no key", where=where, fix=f"Did you mean {nearest[0]!r}?")
