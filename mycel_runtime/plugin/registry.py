"""
Entry points and files become checked plugins.

A table `[plugins.NAME]` names an entry point of the group `mycel_runtime.plugins`, or, with `path`, a Python
file; `isolation = "process"` gives it processes of its own. The rest of the table is the plugin's settings. Whatever
an import raises, `SystemExit` included, becomes an error that names the plugin, the file and the line. It ends the
start, unless the plugin is isolated and others are there: then it is refused, and they go on.
"""

from __future__ import annotations

import contextlib
import importlib.util
import sys
import traceback
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from mycel_runtime.errors import ConfigError, PluginError, PluginImportError
from mycel_runtime.plugin.isolated import Inquiry, WorkerSpec
from mycel_runtime.plugin.plugin import Handler, Plugin
from mycel_runtime.settings import explain_error, find_line

if TYPE_CHECKING:
    from collections.abc import Mapping

GROUP: Final = "mycel_runtime.plugins"

IMPORT_SECONDS: Final = 20.0
"""Until an isolated plugin must have described itself, unless its table says `import_timeout`."""

_MOST_IMPORT_SECONDS: Final = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedPlugin:
    """
    A plugin that passed its checks.

    Attributes:
        settings: An instance of its model, or the plain table.
        origin: Distribution or file.
        version: Of the distribution; empty for a file.
        worker: Set when its handlers run in processes of their own.
        refused: Why it has no handlers: it is isolated, and its import failed.
    """

    plugin: Plugin
    settings: Any
    origin: str
    version: str
    worker: WorkerSpec | None = None
    refused: PluginImportError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundHandler:
    """A handler with its plugin's settings."""

    handler: Handler
    settings: Any
    worker: WorkerSpec | None = None


def load_plugins(tables: Mapping[str, Mapping[str, Any]], config: Path) -> list[LoadedPlugin]:
    """
    Load and check every plugin that the configuration names, in its order.

    Args:
        tables: `[plugins.*]`.
        config: The TOML file, for error texts and relative paths.

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
    loaded = _load_all(tables, config)
    refused = [plugin.refused for plugin in loaded if plugin.refused is not None]
    if len(refused) == len(loaded):
        raise refused[0]
    names = [plugin.plugin.name for plugin in loaded]
    for name in names:
        if names.count(name) > 1:
            raise PluginError(f"two plugins call themselves {name!r}", where=str(config), fix="Rename one.")
    return loaded


def bound_handlers(plugins: list[LoadedPlugin]) -> list[BoundHandler]:
    """All handlers of all plugins."""
    return [
        BoundHandler(handler=handler, settings=loaded.settings, worker=loaded.worker)
        for loaded in plugins
        for handler in loaded.plugin.handlers
    ]


def installed() -> Mapping[str, EntryPoint]:
    """The entry points of the group, by name."""
    return {entry_point.name: entry_point for entry_point in entry_points(group=GROUP)}


def _load_all(tables: Mapping[str, Mapping[str, Any]], config: Path) -> list[LoadedPlugin]:
    """In their order; the isolated ones are asked side by side, while the others are imported."""
    specs = {name: _pop_isolation(name, dict(table), config) for name, table in tables.items()}
    with contextlib.ExitStack() as stack:
        inquiries = {
            name: stack.enter_context(Inquiry(spec)) for name, spec in specs.items() if spec is not None
        }
        return [
            _describe(inquiries[name], config)
            if name in inquiries
            else _load(name, _settings_of(table), config)
            for name, table in tables.items()
        ]


def _load(name: str, table: dict[str, Any], config: Path) -> LoadedPlugin:
    where = _where(name, config)
    path = table.pop("path", None)
    if path is None:
        plugin, origin, version = _load_entry_point(name, where)
    else:
        plugin, origin, version = _load_file(name, config.parent / str(path), where)
    if not plugin.handlers:
        raise PluginError(
            f"plugin {plugin.name!r} has no handlers", where=where, fix="Add @plugin.on_message."
        )
    return LoadedPlugin(
        plugin=plugin, settings=_validate(plugin, name, table, config), origin=origin, version=version
    )


def _describe(inquiry: Inquiry, config: Path) -> LoadedPlugin:
    """An isolated plugin, from what its own process says of it; its settings stay there."""
    spec = inquiry.spec
    try:
        said = inquiry.answer(_where(spec.name, config))
    except PluginImportError as exc:
        return LoadedPlugin(
            plugin=Plugin(spec.name), settings={}, origin="", version="", worker=spec, refused=exc
        )
    plugin = Plugin(said.plugin)
    plugin.adopt(said.handlers)
    return LoadedPlugin(plugin=plugin, settings={}, origin=said.origin, version=said.version, worker=spec)


def _pop_isolation(name: str, table: dict[str, Any], config: Path) -> WorkerSpec | None:
    isolation, where = table.pop("isolation", "none"), _where(name, config)
    if isolation not in ("none", "process"):
        raise PluginError(
            f"isolation = {isolation!r} is unknown", where=where, fix='Use "none" or "process".'
        )
    if isolation == "none":
        return None
    seconds = table.pop("import_timeout", IMPORT_SECONDS)
    if not isinstance(seconds, int | float) or not 0 < seconds <= _MOST_IMPORT_SECONDS:
        raise PluginError(
            f"import_timeout = {seconds!r} is none",
            where=where,
            fix=f"Use seconds, {_MOST_IMPORT_SECONDS:g} at most.",
        )
    return WorkerSpec(name=name, table=table, config=config.absolute(), import_timeout=seconds)


def _settings_of(table: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in table.items() if key != "isolation"}


def _load_entry_point(name: str, where: str) -> tuple[Plugin, str, str]:
    known = installed()
    if (entry_point := known.get(name)) is None:
        raise PluginError(
            f"no installed plugin is called {name!r}",
            where=where,
            fix=f'Installed: {", ".join(sorted(known)) or "none"}. For a file of your own add path = "…".',
        )
    plugin = _guarded_import(name, where, entry_point.load)
    distribution = entry_point.dist
    origin = distribution.name if distribution else entry_point.value
    return (
        _require_plugin(plugin, entry_point.value, where),
        origin,
        distribution.version if distribution else "",
    )


def _load_file(name: str, path: Path, where: str) -> tuple[Plugin, str, str]:
    if not path.is_file():
        raise PluginError(
            f"no such file: {path}", where=where, fix="Correct path; it is relative to the config."
        )

    def load() -> Any:
        spec = importlib.util.spec_from_file_location(f"mycel_runtime_plugin_{name}", path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
        return getattr(module, "plugin", None)

    plugin = _guarded_import(name, where, load)
    return _require_plugin(plugin, f"{path.name}: plugin", where), str(path), ""


def _guarded_import(name: str, where: str, load: Any) -> Any:
    try:
        return load()
    except KeyboardInterrupt:
        raise
    except PluginError as exc:
        raise PluginImportError(exc.problem, where=where, fix=exc.fix) from exc
    except BaseException as exc:
        raise PluginImportError(
            f"plugin {name!r} cannot be imported: {type(exc).__name__}: {exc} ({_raised_at(exc)})",
            where=where,
            fix="Mend the plugin, install what it needs, or remove its table.",
        ) from exc


def _raised_at(exc: BaseException) -> str:
    if isinstance(exc, SyntaxError) and exc.filename:
        return f"{Path(exc.filename).name}, line {exc.lineno}"
    frames = traceback.extract_tb(exc.__traceback__)
    own = [frame for frame in frames if "importlib" not in frame.filename]
    frame = (own or frames)[-1]
    return f"{Path(frame.filename).name}, line {frame.lineno}"


def _require_plugin(value: Any, what: str, where: str) -> Plugin:
    if not isinstance(value, Plugin):
        raise PluginError(
            f"{what} is {type(value).__name__}, not a Plugin",
            where=where,
            fix='Define: plugin = Plugin("name").',
        )
    return value


def _validate(plugin: Plugin, table_name: str, table: dict[str, Any], config: Path) -> Any:
    if plugin.settings_model is None:
        return table
    try:
        return plugin.settings_model.model_validate(table)
    except ValidationError as exc:
        error = exc.errors(include_url=False)[0]
        text = config.read_text(encoding="utf-8-sig", errors="replace") if config.is_file() else ""
        explained: ConfigError = explain_error(
            error, plugin.settings_model, str(config), text, prefix=("plugins", table_name)
        )
        raise PluginError(explained.problem, where=explained.where, fix=explained.fix) from exc


def _where(name: str, config: Path) -> str:
    text = config.read_text(encoding="utf-8-sig", errors="replace") if config.is_file() else ""
    line = find_line(text, ["plugins"], name)
    return f"{config}{f', line {line}' if line else ''}: [plugins.{name}]"
