"""How the program of the settings is to be started, with a recipe or without. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from mycel_runtime_plugins.child_process import ChildSpec, child_environment
from mycel_runtime_plugins.command.folder import chat_folder
from mycel_runtime_plugins.command.recipes import RECIPES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from mycel_runtime_plugins.command.recipe import Recipe
    from mycel_runtime_plugins.command.settings import CommandSettings

STDERR: Final = "command.stderr"
"""The file of what programs write to standard error, in the folder of the settings."""


@dataclass(frozen=True, slots=True)
class Launch:
    """
    Of one agent's settings.

    Attributes:
        settings: Of the plugin.
        ours: The environment of the runtime.
    """

    settings: CommandSettings
    ours: Mapping[str, str]

    @property
    def recipe(self) -> Recipe | None:
        """`None`: the program speaks JSON with us."""
        return RECIPES.get(self.settings.recipe)

    @property
    def program(self) -> tuple[str, ...]:
        """The program and the first of its arguments; one with a slash begins at the settings' folder."""
        program, *arguments = self.settings.command or [RECIPES[self.settings.recipe].program]
        return (str(self.settings.folder / program) if "/" in program else program, *arguments)

    @property
    def environment(self) -> dict[str, str]:
        """All of its variables."""
        settings, recipe = self.settings, self.recipe
        passing = [*settings.pass_environment, *(recipe.passing if recipe else ())]
        variables = {**(recipe.variables if recipe else {}), **settings.environment}
        return child_environment(self.ours, passing=passing, variables=variables)

    @property
    def stderr_file(self) -> Path:
        """Of all chats."""
        return self.settings.folder / STDERR

    def folder(self, chat_id: str) -> Path:
        """Where it runs for a chat."""
        settings = self.settings
        return chat_folder(settings.folder, chat_id) if settings.has_folder_per_chat else settings.folder

    def spec(self, chat_id: str | None, session: str | None = None) -> ChildSpec:
        """
        What is started.

        Args:
            chat_id: For which chat; `None`: for none.
            session: That the agent is to resume.
        """
        settings, recipe = self.settings, self.recipe
        arguments = recipe.arguments(tuple(settings.arguments), session) if recipe else ()
        return ChildSpec(
            command=(*self.program, *arguments),
            folder=self.settings.folder if chat_id is None else self.folder(chat_id),
            environment=self.environment,
            stderr_file=self.stderr_file,
            stderr_bytes=settings.stderr_bytes,
            term_seconds=settings.term_seconds,
        )
