"""The unit of a configuration, as this version makes it."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

from mycel_runtime.units.packaged import TEMPLATE, packaged
from mycel_runtime.units.unit_text import unit_text
from mycel_runtime.units.wish import wish_for

if TYPE_CHECKING:
    from pathlib import Path

    from mycel_runtime.settings import Settings


def made_unit(settings: Settings, config: Path, *, is_for_user: bool) -> str:
    """
    Its whole text.

    Args:
        settings: The agent's.
        config: Their file.
        is_for_user: For a user's own manager.

    Raises:
        ConfigError: A path cannot be written in a unit.
    """
    wish = wish_for(settings, config)
    return unit_text(
        packaged(TEMPLATE),
        packaged(wish.drop_in) if wish.drop_in else None,
        wish,
        version=version("mycel-runtime"),
        is_for_user=is_for_user,
    )
