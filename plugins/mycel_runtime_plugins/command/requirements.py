"""What is not there yet that the program needs."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from mycel_runtime_plugins.child_process import ProgramUnavailableError, find_program
from mycel_runtime_plugins.command.launch import Launch
from mycel_runtime_plugins.missing import Missing

if TYPE_CHECKING:
    from mycel_runtime_plugins.command.settings import CommandSettings


def missing(settings: CommandSettings) -> list[Missing]:
    """
    What is missing, and the command to get it. Looks at the file system; nothing is started or installed.

    Args:
        settings: Of the plugin.
    """
    launch = Launch(settings, os.environ)
    try:
        find_program(launch.program[0], folder=settings.folder, environment=launch.environment)
    except ProgramUnavailableError as exc:
        recipe = launch.recipe
        return [Missing(what=exc.problem, fix=recipe.install if recipe and not settings.command else exc.fix)]
    return []
