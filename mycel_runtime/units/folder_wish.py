"""What a unit has to say that runs all agents of a folder in one process."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from mycel_runtime.daemon.agents import config_files
from mycel_runtime.daemon.state_dir import find_state_dir, has_journal, is_unmoved, state_of_folder
from mycel_runtime.errors import ConfigError
from mycel_runtime.settings import load_settings
from mycel_runtime.settings.credentials import CREDENTIAL_OF_ONE, ENGINE_CREDENTIAL
from mycel_runtime.settings_mistakes import NAME_PATTERN
from mycel_runtime.units.packaged import drop_in_for_all
from mycel_runtime.units.places import tokens_beside
from mycel_runtime.units.unit_text import Credential, UnitWish
from mycel_runtime.units.wish import (
    database_password,
    own_program,
    owner_of_hidden,
    owner_of_state,
    secrets_beside,
    shown_of,
    token_source,
    with_printable_paths,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from mycel_runtime.settings import Settings


def wish_for_folder(folder: Path) -> UnitWish:
    """
    What the unit of a folder has to say.

    Args:
        folder: Of agents' files, all of which have to be right.

    Raises:
        ConfigError: A file is wrong, a path or the folder's name cannot be written in a unit, or the agents cannot
            share one: their files are of several users, one has its journal elsewhere, or in a file though its
            section [engine] names a database, or the passwords of their
            databases are in several files.
    """
    folder = folder.absolute()
    if not re.fullmatch(NAME_PATTERN, folder.name):
        raise ConfigError(
            "no unit can be called like this folder",
            where=str(folder),
            fix="Rename it: letters, digits, '.', '_' and '-', beginning with a letter or a digit.",
        )
    agents = {file: load_settings(file) for file in config_files([folder])}
    state_dirs = tuple(sorted(_state_dirs(agents)))
    user = _only_user(folder, agents, state_dirs)
    return with_printable_paths(
        UnitWish(
            name=folder.name,
            program=own_program(),
            config=folder,
            is_of_folder=True,
            credentials=tuple(_credentials(folder, agents, is_read_by_us=user is not None)),
            state_dirs=state_dirs,
            user=user,
            shown=tuple(sorted({place for file, each in agents.items() for place in shown_of(each, file)})),
            drop_in=drop_in_for_all(settings.plugins for settings in agents.values()),
        )
    )


def _credentials(
    folder: Path, agents: Mapping[Path, Settings], *, is_read_by_us: bool
) -> Iterator[Credential]:
    """The folder of tokens, if there is one, and the file of each agent that has its token elsewhere."""
    tokens = tokens_beside(folder)
    if has_tokens := tokens.is_dir():
        yield Credential("token", tokens)
    for file, settings in agents.items():
        for path in secrets_beside(settings, file):
            yield Credential(path.name, path, may_be_missing=True)
    if not is_read_by_us:
        yield from _read_by_root(folder, agents, has_tokens=has_tokens)


def _read_by_root(folder: Path, agents: Mapping[Path, Settings], *, has_tokens: bool) -> Iterator[Credential]:
    """The password of the database, and what is an agent's token and does not lie in the folder of tokens."""
    if (password := _only_password(folder, agents)) is not None:
        yield Credential(ENGINE_CREDENTIAL, password, may_be_missing=True)
    for file, settings in agents.items():
        named = token_source(settings, file)
        if named is None or (settings.agent.token_file is None and has_tokens):
            continue
        place = Path(os.path.normpath(named.absolute()))
        if place != tokens_beside(folder) / settings.agent.name:
            yield Credential(CREDENTIAL_OF_ONE.format(name=settings.agent.name), place, may_be_missing=True)


def _only_password(folder: Path, agents: Mapping[Path, Settings]) -> Path | None:
    """The file with the password of the database; `None`: no agent names one."""
    named = {path for settings in agents.values() if (path := database_password(settings)) is not None}
    files = {Path(os.path.normpath(path.absolute())) for path in named}
    if len(files) > 1:
        raise ConfigError(
            f"its agents name {' and '.join(map(str, sorted(files)))} as [engine] password_file, and a unit has one",
            where=str(folder),
            fix="Name one file in all of them, or give each agent a unit of its own.",
        )
    return next(iter(files), None)


def _state_dirs(agents: Mapping[Path, Settings]) -> Iterator[Path]:
    """Those that are set; another one that has a journal would not be found by the unit's daemon."""
    for file, settings in agents.items():
        place = find_state_dir(settings, file)
        if settings.agent.state_dir is not None:
            yield place
        elif place.parent == state_of_folder(file.parent) or not has_journal(place):
            continue
        elif settings.engine.url is None:
            raise ConfigError(
                f"has its journal in {place}, where the unit of a folder does not look",
                where=str(file),
                fix=f'Set it: [agent] state_dir = "{place}". Or give the agent a unit of its own.',
            )
        elif is_unmoved(place):
            raise ConfigError(
                f"has its journal in {place} yet, and not in the database that [engine] url names",
                where=str(file),
                fix=f"Stop the agent, and move it: mycel-runtime engine move --config {file} --to postgres",
            )


def _only_user(folder: Path, agents: Iterable[Path], state_dirs: Iterable[Path]) -> str | None:
    """The owner of states, and of files that others cannot read; `None`: there are none of these."""
    owners = {owner for file in agents if (owner := owner_of_hidden(file)) is not None}
    owners |= set(map(owner_of_state, state_dirs))
    if len(owners) > 1:
        raise ConfigError(
            f"states and files of its agents belong to {' and '.join(sorted(owners))}, and a process has one user",
            where=str(folder),
            fix="Give each agent a unit of its own, or all files one owner.",
        )
    return next(iter(owners), None)
