"""The unit of a configuration, as this version makes it."""

from __future__ import annotations

from dataclasses import replace
from importlib.metadata import version
from typing import TYPE_CHECKING

from mycel_runtime.daemon.agents import config_files
from mycel_runtime.errors import ConfigError
from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.settings import load_settings
from mycel_runtime.units.folder_wish import wish_for_folder
from mycel_runtime.units.packaged import OF_FOLDER, TEMPLATE, packaged
from mycel_runtime.units.unit_text import unit_text
from mycel_runtime.units.wish import wish_for

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class MadeUnit:
    """
    A unit, not yet written anywhere.

    Attributes:
        name: Of the agent, or of the folder, that it is called after.
        text: All of it.
    """

    name: str
    text: str


def made_unit(config: Path, *, is_for_user: bool, worker: str | None = None) -> MadeUnit:
    """
    The unit of an agent, or of a folder of them.

    Args:
        config: The agent's file, or the folder.
        is_for_user: For a user's own manager.
        worker: Name of the worker that it runs, in the agent's place; its state is its own, as its user is.

    Raises:
        ConfigError: A file is wrong, or what it says cannot be said in a unit; of a worker, no file names a database.
    """
    is_folder = config.is_dir()
    wish = wish_for_folder(config) if is_folder else wish_for(load_settings(config), config)
    if worker is not None:
        _require_database(config)
        wish = replace(wish, name=f"{wish.name}-{worker}", worker=worker)
    text = unit_text(
        packaged(OF_FOLDER if is_folder else TEMPLATE),
        packaged(wish.drop_in) if wish.drop_in else None,
        wish,
        version=version("mycel-runtime"),
        is_for_user=is_for_user,
    )
    return MadeUnit(wish.name, text)


def _require_database(config: Path) -> None:
    """
    Of what a worker is to run.

    Raises:
        ConfigError: None of the files names one.
    """
    if all(load_settings(file).engine.url is None for file in config_files([config])):
        raise ConfigError(
            "names no database, and a worker shares its agent's journal with other processes",
            where=f"{config}: [engine] url",
            fix="Name one, or leave --worker out.",
        )
