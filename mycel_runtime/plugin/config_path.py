"""A path in a plugin's settings: relative to the configuration that names it, whatever the working directory is."""

from __future__ import annotations

from pathlib import PosixPath
from typing import TYPE_CHECKING, Any, Final

from pydantic_core import core_schema

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler, ValidationInfo

CONFIG_FOLDER: Final = "config_folder"
"""In the context of a validation: the folder of the TOML file."""


class ConfigPath(PosixPath):
    """
    The type of a field of a plugin's settings that names a file or a folder.

    A relative path begins at the folder of the TOML file, as that of `token_file` does; where settings are validated
    without one, at the working directory. `~` is the home of the user. Nothing is looked at: it need not be there.
    """

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: type, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        """Called by pydantic: how it is read from a settings' text."""
        return core_schema.with_info_plain_validator_function(_path_of)


def _path_of(value: Any, info: ValidationInfo) -> ConfigPath:
    if not isinstance(value, str | PosixPath) or not str(value) or "\0" in str(value):
        raise ValueError("a path is a text that is not empty")
    folder = info.context.get(CONFIG_FOLDER, "") if isinstance(info.context, dict) else ""
    return ConfigPath(folder, PosixPath(value).expanduser())
