"""
What the environment sets: `MYCEL_RUNTIME_SECTION__KEY`, or a whole section in JSON as `MYCEL_RUNTIME_SECTION`.

pydantic-settings reads it, and is imported only where there is such a variable: with what it brings it is a MiB, and
a fifteenth of a start.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from mycel_runtime.errors import ConfigError
from mycel_runtime.settings_mistakes import ENV_DELIMITER, ENV_PREFIX, nearest_of, variable_of

if TYPE_CHECKING:
    from collections.abc import Collection

    from pydantic import BaseModel


def values_of_environment(model: type[BaseModel]) -> dict[str, Any]:
    """
    What is set there, nested like the file, not checked yet.

    Args:
        model: Of the whole file.

    Raises:
        ConfigError: A variable names a whole section, and is no table in JSON.
    """
    if not any(name.upper().startswith(ENV_PREFIX) for name in os.environ):
        return {}
    from pydantic import create_model  # noqa: PLC0415 - see above
    from pydantic_settings import BaseSettings, EnvSettingsSource, SettingsError  # noqa: PLC0415 - see above

    fields: dict[str, Any] = {name: (field.annotation, field) for name, field in model.model_fields.items()}
    source = EnvSettingsSource(
        create_model("Variables", __base__=BaseSettings, **fields),
        env_prefix=ENV_PREFIX,
        env_nested_delimiter=ENV_DELIMITER,
    )
    try:
        return source()
    except SettingsError as exc:
        raise _no_table(model.model_fields) from exc


def require_known_variables(sections: Collection[str]) -> None:
    """
    One that names a section that we do not know would else be ignored.

    Raises:
        ConfigError: There is one.
    """
    known = {name.upper(): name for name in sections}
    for name in os.environ:
        section, delimiter, _ = name.upper().removeprefix(ENV_PREFIX).partition(ENV_DELIMITER)
        if name.upper().startswith(ENV_PREFIX) and delimiter and section not in known:
            fix = nearest_of(section.lower(), sorted(known.values()))
            raise ConfigError("unknown section", where=f"environment variable {name}", fix=fix)


def _no_table(sections: Collection[str]) -> ConfigError:
    """A whole section in one variable must be a table in JSON; most who set one mean something else."""
    section = next((name for name in sections if not _is_table(variable_of([name]))), "")
    return ConfigError(
        "names a whole section, and its value is no table in JSON",
        where=f"environment variable {variable_of([section])}",
        fix=f"Unset it; one key is set by {ENV_PREFIX}{section.upper()}{ENV_DELIMITER}KEY.",
    )


def _is_table(variable: str | None) -> bool:
    try:
        return variable is None or isinstance(json.loads(os.environ[variable]), dict)
    except ValueError:
        return False
