"""Which database a command is about: of a URL, or of agents' files."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from click.core import ParameterSource

from mycel_runtime.cli.options import configs_option

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mycel_runtime.journal.port.database import JournalDatabase
    from mycel_runtime.settings import DatabaseAddress

_NO_URL: Final = "Set it, or name the database with --url."


def database_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """
    `--url` with `--password-file`, or `--config` of one agent or of several.

    Args:
        function: Takes each database that they name, once, and then its own options.
    """

    @functools.wraps(function)
    def with_databases(*, config: Path, url: str | None, password_file: Path | None, **own: Any) -> Any:
        return function(_databases_of(config, url, password_file), **own)

    return configs_option(url_options(with_databases))


def url_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """`--url` and `--password-file`: a database, whatever the agents' files say."""
    url = click.option("--url", help="The database, as [engine] url has it: without a password.")
    password_file = click.option(
        "--password-file",
        type=click.Path(path_type=Path),
        help="With --url: a file of mode 0600 that holds the password, and nothing else.",
    )
    return url(password_file(function))


def address_of(url: str, password_file: Path | None) -> DatabaseAddress:
    """
    What `--url` and `--password-file` name.

    Raises:
        ConfigError: It is no address of a database, or has a password in it; or the file holds none.
    """
    from dataclasses import replace

    from pydantic_core import PydanticCustomError

    from mycel_runtime.errors import ConfigError
    from mycel_runtime.settings import checked_database, database_address

    try:
        return replace(database_address(checked_database(url), password_file), where="--url")
    except PydanticCustomError as exc:
        told = exc.context or {}
        fix = str(told["fix"]).replace("password_file", "--password-file")
        raise ConfigError(str(told["problem"]), where="--url", fix=fix) from None


def _databases_of(config: Path, url: str | None, password_file: Path | None) -> Sequence[JournalDatabase]:
    """
    Each once.

    Raises:
        ConfigError: None is named, or an agent's file cannot be used.
        UsageError: Both a URL and a file are named.
    """
    from mycel_runtime.journal.engines import database_of

    if url is not None:
        source = click.get_current_context().get_parameter_source("config")
        if source is not ParameterSource.DEFAULT:
            raise click.UsageError("--url and --config: name one of them")
        return [database_of(address_of(url, password_file))]
    if password_file is not None:
        raise click.UsageError("--password-file goes with --url")
    return [database_of(address) for address in _addresses_of(config)]


def _addresses_of(config: Path) -> Sequence[DatabaseAddress]:
    from mycel_runtime.daemon.agents import config_files
    from mycel_runtime.errors import ConfigError
    from mycel_runtime.settings import load_settings, read_database

    found: dict[str, DatabaseAddress] = {}
    for file in config_files([config]):
        address = read_database(load_settings(file), file)
        if address is not None:
            found.setdefault(address.url, address)
    if not found:
        raise ConfigError("names no database", where=f"{config}: [engine] url", fix=_NO_URL)
    return list(found.values())
