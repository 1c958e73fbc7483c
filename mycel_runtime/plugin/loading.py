"""
One entry point or file becomes one checked plugin.

Whatever an import raises, `SystemExit` included, becomes an error that names the plugin, the file and the line.
"""

from __future__ import annotations

import functools
import traceback
from collections.abc import Collection, Mapping
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from pydantic import BaseModel, SecretStr, ValidationError

from mycel_runtime.errors import ConfigError, PluginError, PluginImportError
from mycel_runtime.import_folders import Stamp, stamp
from mycel_runtime.known_secrets import remember_named, remember_secret
from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.observe.traceback_text import is_ours
from mycel_runtime.plugin.config_path import CONFIG_FOLDER
from mycel_runtime.plugin.files import HiddenModuleError, import_file
from mycel_runtime.plugin.plugin import Plugin
from mycel_runtime.settings_mistakes import explain_error, find_line, model_at

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic_core import ErrorDetails

T = TypeVar("T")

GROUP: Final = "mycel_runtime.plugins"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedPlugin:
    """
    A plugin in this process that passed its checks.

    Attributes:
        settings: An instance of its model, or the plain table.
        origin: Distribution or file.
        version: Of the distribution; empty for a file.
        declared: As its module declares it, without what `on_load` adds for its settings.
    """

    plugin: Plugin
    settings: Any
    origin: str
    version: str
    declared: Plugin | None = None


@dataclass(frozen=True, kw_only=True)
class InstalledPlugin:
    """An entry point of the group, and where it comes from."""

    entry_point: EntryPoint

    @functools.cached_property
    def distribution(self) -> tuple[str, str]:
        """Name and version; empty without one."""
        found = self.entry_point.dist
        return (found.name, found.version) if found else ("", "")


def installed() -> Mapping[str, InstalledPlugin]:
    """Of the group, by name."""
    return _installed_in(stamp())


@functools.lru_cache(maxsize=1)
def _installed_in(_folders: Stamp) -> Mapping[str, InstalledPlugin]:
    """Looked for once as long as no folder changes: the agents of a process ask for it one by one."""
    return {each.name: InstalledPlugin(entry_point=each) for each in entry_points(group=GROUP)}


def import_plugin(name: str, table: Mapping[str, Any], config: Path) -> ImportedPlugin:
    """
    Import and check.

    Args:
        name: Of the table, and of the entry point unless the table has a `path`.
        table: Without what is about isolation.
        config: The TOML file, for error texts and relative paths.

    Raises:
        PluginImportError: The plugin's code failed.
        PluginError: It is unknown, is no `Plugin`, has no handlers, or its settings are wrong.
    """
    where = where_of(name, config)
    settings = dict(table)
    path = settings.pop("path", None)
    if path is None:
        plugin, origin, version = _load_entry_point(name, where)
    else:
        plugin, origin, version = _load_file(name, config.absolute().parent / str(path), where)
    checked = checked_settings(plugin, name, settings, config)
    return ImportedPlugin(
        plugin=configured(plugin, name, checked, config),
        declared=plugin,
        settings=checked,
        origin=origin,
        version=version,
    )


def configured(plugin: Plugin, name: str, settings: Any, config: Path) -> Plugin:
    """
    A plugin with what its `on_load` declares for these settings.

    Args:
        plugin: As its module declares it.
        name: Of its table.
        settings: Checked.
        config: The TOML file, for error texts.

    Raises:
        PluginImportError: `on_load` failed.
        PluginError: It has no handlers.
    """
    where = where_of(name, config)
    ready = _guarded(f"plugin {name!r}: on_load failed", where, lambda: plugin.configured(settings))
    if not ready.handlers:
        raise PluginError(
            f"plugin {ready.name!r} has no handlers", where=where, fix="Add @plugin.on_message."
        )
    return ready


def _load_entry_point(name: str, where: str) -> tuple[Plugin, str, str]:
    known = installed()
    if (found := known.get(name)) is None:
        raise PluginError(
            f"no installed plugin is called {name!r}",
            where=where,
            fix=f'Installed: {", ".join(sorted(known)) or "none"}. For a file of your own add path = "…".',
        )
    value, (distribution, version) = found.entry_point.value, found.distribution
    plugin = _guarded_import(name, where, found.entry_point.load)
    return _require_plugin(plugin, value, where), distribution or value, version


def _load_file(name: str, path: Path, where: str) -> tuple[Plugin, str, str]:
    if not path.is_file():
        raise PluginError(
            f"no such file: {path}", where=where, fix="Correct path; it is relative to the config."
        )

    try:
        plugin = _guarded_import(name, where, lambda: getattr(import_file(path), "plugin", None))
    except HiddenModuleError as exc:
        raise PluginError(
            f"plugin {name!r}: {exc}",
            where=where,
            fix="Rename the file beside it, or isolate one of the plugins.",
        ) from None
    return _require_plugin(plugin, f"{path.name}: plugin", where), str(path), ""


def _guarded_import(name: str, where: str, load: Callable[[], Any]) -> Any:
    return _guarded(f"plugin {name!r} cannot be imported", where, lambda: _placed(load))


def _placed(load: Callable[[], T]) -> T:
    """What it gives; a declaration that is refused is told with its file and line."""
    try:
        return load()
    except PluginError as exc:
        raise PluginError(f"{exc.problem} ({_raised_at(exc)})", fix=exc.fix) from exc


def _guarded(what: str, where: str, load: Callable[[], T]) -> T:
    """What the plugin's own code gives; `what` is said of it where that fails."""
    try:
        return load()
    except (KeyboardInterrupt, HiddenModuleError):
        raise
    except PluginError as exc:
        raise PluginImportError(exc.problem, where=where, fix=exc.fix) from exc
    except BaseException as exc:
        raise PluginImportError(
            f"{what}: {type(exc).__name__}: {_said(exc)} ({_raised_at(exc)})",
            where=where,
            fix="Mend the plugin, install what it needs, or remove its table.",
        ) from exc


def _said(exc: BaseException) -> str:
    """Its text; of a `SyntaxError`, without the place, which is told of every error."""
    return exc.msg if isinstance(exc, SyntaxError) and exc.filename else str(exc)


def _raised_at(exc: BaseException) -> str:
    if isinstance(exc, SyntaxError) and exc.filename:
        return f"{Path(exc.filename).name}, line {exc.lineno}"
    frames = traceback.extract_tb(exc.__traceback__)
    own = [frame for frame in frames if "importlib" not in frame.filename and not is_ours(frame.filename)]
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


def checked_settings(plugin: Plugin, table_name: str, table: dict[str, Any], config: Path) -> Any:
    """
    A plugin's table as its handlers get it.

    Args:
        plugin: Whose.
        table_name: Of `[plugins.…]`.
        table: As it stands there.
        config: The TOML file, for error texts; it need not exist.

    Returns:
        An instance of its model, or the plain table. What is secret in it, by its name or its type, is kept out of
        all lines from now on.

    Raises:
        PluginError: The model refuses it.
    """
    remember_named(table)  # of a process of its own, which has not read the file
    if plugin.settings_model is None:
        return table
    try:
        settings = _validated(plugin.settings_model, table, {CONFIG_FOLDER: config.absolute().parent})
    except ValidationError as exc:
        error = _refused_errors(exc, plugin.settings_model)[0]
        text = config.read_text(encoding="utf-8-sig", errors="replace") if config.is_file() else ""
        explained: ConfigError = explain_error(
            error, plugin.settings_model, str(config), text, prefix=("plugins", table_name)
        )
        raise PluginError(explained.problem, where=explained.where, fix=explained.fix) from exc
    _remember_secrets(settings)
    return settings


def _remember_secrets(value: object) -> None:
    """Those that a model says are secret by their type, at any depth."""
    if isinstance(value, SecretStr):
        remember_secret(value.get_secret_value())
    elif isinstance(value, BaseModel):
        for _, part in value:
            _remember_secrets(part)
    elif isinstance(value, Mapping):
        for part in value.values():
            _remember_secrets(part)
    elif isinstance(value, Collection) and not isinstance(value, str | bytes):
        for part in value:
            _remember_secrets(part)


def _validated(model: type[BaseModel], table: dict[str, Any], context: dict[str, Any]) -> BaseModel:
    """Unknown keys are refused, unless the model that they are in says what is to become of them."""
    try:
        return model.model_validate(table, extra="forbid", context=context)
    except ValidationError as exc:
        if _refused_errors(exc, model):
            raise
    return model.model_validate(table, context=context)


def _refused_errors(exc: ValidationError, model: type[BaseModel]) -> list[ErrorDetails]:
    return [error for error in exc.errors(include_url=False) if not _is_allowed(error, model)]


def _is_allowed(error: ErrorDetails, model: type[BaseModel]) -> bool:
    if error["type"] != "extra_forbidden":
        return False
    holder = model_at(model, error["loc"][:-1])
    return holder is not None and holder.model_config.get("extra", "forbid") != "forbid"


def where_of(name: str, config: Path) -> str:
    """Where the plugin's table stands, for error texts."""
    text = config.read_text(encoding="utf-8-sig", errors="replace") if config.is_file() else ""
    line = find_line(text, ["plugins"], name)
    return f"{config}{f', line {line}' if line else ''}: [plugins.{name}]"
