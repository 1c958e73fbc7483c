"""The unit of a configuration, as this version makes it."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

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


def made_unit(config: Path, *, is_for_user: bool) -> MadeUnit:
    """
    The unit of an agent, or of a folder of them.

    Args:
        config: The agent's file, or the folder.
        is_for_user: For a user's own manager.

    Raises:
        ConfigError: A file is wrong, or what it says cannot be said in a unit.
    """
    is_folder = config.is_dir()
    wish = wish_for_folder(config) if is_folder else wish_for(load_settings(config), config)
    text = unit_text(
        packaged(OF_FOLDER if is_folder else TEMPLATE),
        packaged(wish.drop_in) if wish.drop_in else None,
        wish,
        version=version("mycel-runtime"),
        is_for_user=is_for_user,
    )
    return MadeUnit(wish.name, text)
