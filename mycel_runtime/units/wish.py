"""What a unit has to say of one configuration: where things lie, and as whom they can be used."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from mycel_runtime.daemon.state_dir import UNIT_STATE, find_state_dir, has_journal, name_of_user
from mycel_runtime.errors import ConfigError
from mycel_runtime.plugin.credentials import named_in
from mycel_runtime.settings.credentials import CREDENTIAL, ENGINE_CREDENTIAL
from mycel_runtime.units.homes import HOMES, is_hidden
from mycel_runtime.units.packaged import drop_in_for
from mycel_runtime.units.unit_text import Credential, UnitWish

if TYPE_CHECKING:
    from mycel_runtime.settings import Settings


def wish_for(settings: Settings, config: Path) -> UnitWish:
    """
    What the unit of one agent has to say.

    Args:
        settings: The agent's.
        config: Their file.

    Raises:
        ConfigError: A path cannot be written in a unit.
    """
    config = config.absolute()
    state_dir = _state_dir(settings, config)
    user = _user(config, state_dir)
    token = token_source(settings, config) if user is None else None
    password = database_password(settings) if user is None else None
    return with_printable_paths(
        UnitWish(
            name=settings.agent.name,
            program=own_program(),
            config=config,
            is_of_folder=False,
            credentials=(
                *([] if token is None else [Credential(CREDENTIAL, token)]),
                *([] if password is None else [Credential(ENGINE_CREDENTIAL, password)]),
                *(Credential(path.name, path) for path in secrets_beside(settings, config)),
            ),
            state_dirs=() if state_dir is None else (state_dir,),
            user=user,
            shown=tuple(sorted(shown_of(settings, config))),
            drop_in=drop_in_for(settings.plugins),
        )
    )


def with_printable_paths(wish: UnitWish) -> UnitWish:
    """
    The same.

    Raises:
        ConfigError: A path cannot be written in a unit.
    """
    paths = (wish.config, *(each.path for each in wish.credentials), *wish.state_dirs, *wish.shown)
    for path in (*wish.program, *map(str, paths)):
        if not path.isprintable():
            raise ConfigError(
                "has a character that no unit file can hold", where=repr(path), fix="Move it to another path."
            )
    return wish


def own_program() -> tuple[str, ...]:
    """This program, absolute, in the environment that it is installed in."""
    script = Path(sys.executable).parent / "mycel-runtime"
    return (str(script),) if os.access(script, os.X_OK) else (sys.executable, "-m", "mycel_runtime")


def token_source(settings: Settings, config: Path) -> Path | None:
    """The file that has an agent's token; `None`: it needs none, or has it otherwise."""
    if settings.is_embedded or settings.agent.token is not None:
        return None
    return settings.agent.token_file or config.with_suffix(".token")


def database_password(settings: Settings) -> Path | None:
    """The file that has the password of the database which keeps an agent's journal; `None`: there is none."""
    return settings.engine.password_file if settings.engine.url is not None else None


def secrets_beside(settings: Settings, config: Path) -> list[Path]:
    """Files beside the agent's that its plugins want as credentials of the same name."""
    named = {name for table in settings.plugins.values() for name in named_in(table)}
    return [path for path in map(config.with_name, sorted(named)) if path.is_file()]


def owner_of_hidden(config: Path) -> str | None:
    """Whose a file is that others cannot read."""
    is_readable = config.stat().st_mode & stat.S_IROTH and config.parent.stat().st_mode & stat.S_IXOTH
    return None if is_readable else _owner(config)


def owner_of_state(state_dir: Path) -> str:
    """Whose a state directory is, or is to be."""
    return _owner(next(folder for folder in (state_dir, *state_dir.parents) if folder.exists()))


def shown_of(settings: Settings, config: Path) -> set[Path]:
    """What the sandbox would hide of what an agent has to read, each folder once."""
    network = settings.network
    files = [
        config,
        *(config.parent / str(table["path"]) for table in settings.plugins.values() if "path" in table),
        *(path for path in (settings.agent.token_file, database_password(settings)) if path),
        *(path for path in (network.ca_file, network.client_cert, network.client_key) if path),
    ]
    places = {Path(sys.prefix), Path(sys.base_prefix), _package(), *map(_place, files)}
    return {place for place in places if is_hidden(place)}


def _state_dir(settings: Settings, config: Path) -> Path | None:
    """One that is set, or in which there is a journal already; the one that systemd would make needs no word."""
    found = find_state_dir(settings, config)
    is_units = found.parent == UNIT_STATE and found.name == settings.agent.name
    if is_units or not (settings.agent.state_dir or has_journal(found)):
        return None
    return found


def _user(config: Path, state_dir: Path | None) -> str | None:
    """The owner of the state, or of a file that others cannot read."""
    return owner_of_hidden(config) if state_dir is None else owner_of_state(state_dir)


def _owner(path: Path) -> str:
    return name_of_user(path.stat().st_uid).removeprefix("user ")


def _package() -> Path:
    """Of a checkout: it is used where it lies."""
    import mycel_runtime  # noqa: PLC0415 - for its place only

    package = Path(mycel_runtime.__file__).parent
    return package if package.is_relative_to(sys.prefix) else package.parent


def _place(path: Path) -> Path:
    """Its folder, so that what replaces it is seen too; but no home as a whole."""
    folder = path.absolute().parent
    return path.absolute() if folder in HOMES or folder.parent in HOMES else folder
