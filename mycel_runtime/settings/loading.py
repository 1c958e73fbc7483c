"""The settings of a file: read, checked, and made absolute; what is wrong with it is told with its place."""

from __future__ import annotations

import contextlib
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from mycel_runtime.errors import ConfigError
from mycel_runtime.known_secrets import remember_named
from mycel_runtime.settings.addresses import EMBEDDED
from mycel_runtime.settings.environment import require_known_variables
from mycel_runtime.settings.settings import Settings
from mycel_runtime.settings.text import read_config
from mycel_runtime.settings_mistakes import explain_error

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mycel_runtime.settings.sections import Section


def load_settings(path: Path, overrides: Mapping[str, Any] | None = None) -> Settings:
    """
    The settings of one file, with relative paths made absolute from the file's folder.

    What a plugin's table holds under the name of a secret is kept out of all lines from now on.

    Args:
        path: The TOML file.
        overrides: From the command line, nested like the file.

    Raises:
        ConfigError: Missing, unreadable or malformed file, unknown key, bad value; names file, key and line.
    """
    text = read_config(path)
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as exc:
        raise ConfigError(f"not valid TOML: {exc}", where=str(path), fix="Mend that line.") from exc
    require_known_variables(Settings.model_fields)
    try:
        settings = Settings(file=table, overrides=dict(overrides or {}))
    except ValidationError as exc:
        raise _explain(exc, path, text) from exc
    remember_named(settings.plugins)
    return _absolute(settings, path)


def load_what_is_right(path: Path) -> Settings | None:
    """
    As `load_settings`, without the keys of the file that are wrong; for somebody who looks for further mistakes.

    Returns:
        `None`: what is left is not enough, or what is wrong stands in the environment.
    """
    try:
        return _right_of(tomllib.loads(read_config(path)), path)
    except (ConfigError, tomllib.TOMLDecodeError, ValidationError):
        return None


def load_beginning(path: Path) -> Settings | None:
    """
    As `load_what_is_right`, of what stands before the first line that is no TOML: enough to look for a daemon.

    One that is not named there is called after its file, as `init` and the units do. What stands below may say
    otherwise: whatever is found by it has to be asked which file it has read.
    """
    try:
        table = _beginning_of(read_config(path))
        agent = table.setdefault("agent", {})
        if isinstance(agent, dict):
            table["agent"] = {"name": path.stem, "base_url": EMBEDDED} | agent
        return _right_of(table, path)
    except (ConfigError, ValidationError):
        return None


def _beginning_of(text: str) -> dict[str, Any]:
    lines = text.splitlines(keepends=True)
    for end in range(len(lines), 0, -1):
        with contextlib.suppress(tomllib.TOMLDecodeError):
            return tomllib.loads("".join(lines[:end]))
    return {}


def _right_of(table: dict[str, Any], path: Path) -> Settings:
    require_known_variables(Settings.model_fields)
    try:
        settings = Settings(file=table, overrides={})
    except ValidationError as exc:
        for problem in exc.errors(include_url=False):
            _remove(table, problem["loc"])
        settings = Settings(file=table, overrides={})
    return _absolute(settings, path)


def _remove(table: Any, location: Sequence[int | str]) -> None:
    """What stands there, if it does."""
    *parents, key = location
    for parent in parents:
        table = table.get(parent) if isinstance(table, dict) else None
    if isinstance(table, dict):
        table.pop(key, None)


def _absolute(settings: Settings, config: Path) -> Settings:
    sections = {
        "agent": settings.agent,
        "network": settings.network,
        "engine": settings.engine,
        "http": settings.http,
    }
    paths = {name: _absolute_paths(section, config, name) for name, section in sections.items()}
    # The others stay those that all agents of a process have, most of which say nothing in them.
    return settings.model_copy(
        update={name: sections[name].model_copy(update=those) for name, those in paths.items() if those}
    )


def _absolute_paths(section: Section, config: Path, name: str) -> dict[str, Path]:
    return {
        key: _absolute_path(value, config, f"[{name}] {key}")
        for key in type(section).model_fields
        if isinstance(value := getattr(section, key), Path)
    }


def _absolute_path(path: Path, config: Path, key: str) -> Path:
    try:
        return (config.parent / path.expanduser()).resolve()
    except RuntimeError as exc:
        raise ConfigError(
            f"no home directory for {path}", where=f"{config}: {key}", fix="Name it without '~'."
        ) from exc
    except (OSError, ValueError) as exc:
        raise ConfigError(
            "no path that can be followed", where=f"{config}: {key}", fix="Correct the path."
        ) from exc


def _explain(exc: ValidationError, path: Path, text: str) -> ConfigError:
    """All errors of a file at once, the first one's fix first."""
    explained = [explain_error(error, Settings, str(path), text) for error in exc.errors(include_url=False)]
    if len(explained) == 1:
        return explained[0]
    problems = "\n".join(f"- {error}" for error in explained)
    return ConfigError(f"{len(explained)} errors\n{problems}", where=str(path), parts=explained)
