"""The secrets of an agent, of page, proxy and database: where they may stand, and who may read them."""

from __future__ import annotations

import os
import stat
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pydantic import SecretStr

from mycel_runtime.errors import ConfigError
from mycel_runtime.known_secrets import remember_pair, remember_secret
from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.settings.sections import LEASE_SECONDS
from mycel_runtime.settings.text import decode
from mycel_runtime.settings_mistakes import variable_of

if TYPE_CHECKING:
    from mycel_runtime.settings.settings import Settings

CREDENTIAL: Final = "agent.token"
"""The file in `$CREDENTIALS_DIRECTORY` that holds the token."""

CREDENTIAL_OF_ONE: Final = "token_{name}"
"""
The same of one of several agents.

Source: systemd.exec(5): `LoadCredential=token:FOLDER` names each file of a folder so.
"""

PROXY_CREDENTIAL: Final = "proxy.credentials"
"""The file there that holds user and password of the proxy."""

HTTP_CREDENTIAL: Final = "http.token"
"""The file there that holds the token of page and probes."""

ENGINE_CREDENTIAL: Final = "engine.password"
"""The file there that holds the password of the journal's database."""

_SHORTEST_HTTP_TOKEN: Final = 16
"""Characters: who asks again and again must not find it."""


def is_runtimes_own(name: str) -> bool:
    """Whether a credential of this name is one that the runtime itself reads."""
    return name in {CREDENTIAL, PROXY_CREDENTIAL, HTTP_CREDENTIAL, ENGINE_CREDENTIAL} or name.startswith(
        CREDENTIAL_OF_ONE.format(name="")
    )


def read_token(settings: Settings) -> SecretStr:
    """
    The agent's bearer token: of the environment, else the credential, else of the file, else the token file.

    A credential is the agent's own, `token_NAME`, or that of the only agent, `agent.token`. A blank one stands for a
    file that the unit of several agents has not found: the token file's error says which.

    Read anew at each call: a credential and a token file may have been replaced.

    Raises:
        ConfigError: None is set, or what is set holds no token, or is a file that is missing or readable by others.
    """
    variable = variable_of(["agent", "token"])
    credential = _credential_of(settings.agent.name)
    if settings.agent.token is not None and (variable or credential is None):
        where = f"environment variable {variable}" if variable else "[agent] token"
        return _as_token(settings.agent.token.get_secret_value(), where)
    if credential is not None:
        text = decode(_read_secret(credential, _OF_AGENT)[0], str(credential))
        if text.strip() or settings.agent.token_file is None:
            return _as_token(text, str(credential))
    if settings.agent.token_file is None:
        raise ConfigError(
            "no token",
            where="[agent]",
            fix="Set token_file, or the credential agent.token, or MYCEL_RUNTIME_AGENT__TOKEN.",
        )
    return read_token_file(settings.agent.token_file)


def reads_credential(settings: Settings) -> bool:
    """
    Whether `read_token` reads what systemd has handed over: a copy of some file, made when the unit was started.

    Raises:
        ConfigError: It cannot be read.
    """
    credential = _credential_of(settings.agent.name)
    if credential is None or (settings.agent.token is not None and variable_of(["agent", "token"])):
        return False
    return bool(_read_secret(credential, _OF_AGENT)[0].strip())


def _credential_of(agent: str) -> Path | None:
    return _credential(CREDENTIAL_OF_ONE.format(name=agent)) or _credential(CREDENTIAL)


def read_token_file(path: Path) -> SecretStr:
    """
    A token from a file that only its owner can read.

    Raises:
        ConfigError: As `read_token`.
    """
    return _as_token(decode(_read_guarded(path, _OF_AGENT), str(path)), str(path))


def read_proxy_credentials(settings: Settings) -> tuple[str, str] | None:
    """
    User and password of the proxy: of the credential `proxy.credentials`, else of the file, if there is either.

    Raises:
        ConfigError: What is set does not hold them, or is a file that is missing or readable by others.
    """
    if settings.network.proxy is None:
        return None
    found = _found(PROXY_CREDENTIAL, settings.network.proxy_credentials_file, _OF_PROXY)
    if found is None:
        return None
    path, text = found
    user, colon, password = text.strip().partition(":")
    if not (user and colon and (user + password).isprintable()):
        raise ConfigError(
            "must hold USER:PASSWORD and nothing else", where=str(path), fix="Put them there, in one line."
        )
    remember_pair(user, password)
    return user, password


def read_http_token(settings: Settings) -> SecretStr | None:
    """
    The token with which the page may act: of the credential `http.token`, else of the file; `None`: there is none.

    Read anew at each call, as `read_token`.

    Raises:
        ConfigError: What is set holds no token or a short one, or is a file that is missing or readable by others; or
            none is set though others than this machine are to reach the page.
    """
    found = _found(HTTP_CREDENTIAL, settings.http.token_file, _OF_HTTP)
    if found is None and (settings.http.remote or settings.http.hosts):
        raise ConfigError(
            "others could reach the page, and no token is set",
            where="[http]",
            fix="Set token_file, or the credential http.token.",
        )
    if found is None:
        return None
    path, text = found
    token = _as_token(text, str(path))
    if len(token) < _SHORTEST_HTTP_TOKEN:
        raise ConfigError(
            f"the token of the page has fewer than {_SHORTEST_HTTP_TOKEN} characters",
            where=str(path),
            fix=f"openssl rand -hex 32 > '{path}'",
        )
    return token


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseAddress:
    """
    Of the database that keeps an agent's journal.

    Attributes:
        url: libpq's, without a password.
        password: `None`: there is none, or libpq finds it where it looks itself (`~/.pgpass`).
        lease_seconds: After which another process takes over what one was at work on that is not heard of.
        password_file: Where the password stands, unless there is the credential.
        where: The URL stands, for an error about it.
        user_id: The agent's own, where its file says it; the database may be several agents'.
    """

    url: str
    password: SecretStr | None
    lease_seconds: float = LEASE_SECONDS
    password_file: Path | None = None
    where: str = "[engine] url"
    user_id: str | None = None

    def read_password(self) -> SecretStr | None:
        """
        As it is by now, where it was read.

        Raises:
            ConfigError: As `read_database`.
        """
        return database_address(self.url, self.password_file).password


def read_database(settings: Settings, config: Path | None = None) -> DatabaseAddress | None:
    """
    Where the journal is kept, with the password of the credential `engine.password`, else of the file.

    Args:
        settings: The agent's.
        config: Their file, for an error about the URL.

    Returns:
        `None`: in the state directory.

    Raises:
        ConfigError: What is set holds no password, or is a file that is missing or readable by others.
    """
    if settings.engine.url is None:
        return None
    address = database_address(settings.engine.url, settings.engine.password_file)
    where = address.where if config is None else f"{config}: {address.where}"
    return replace(
        address,
        lease_seconds=settings.engine.lease_seconds,
        where=where,
        user_id=settings.agent.user_id,
    )


def database_address(url: str, password_file: Path | None) -> DatabaseAddress:
    """
    Of a checked URL, with the password of the credential `engine.password`, else of the file.

    Raises:
        ConfigError: As `read_database`.
    """
    found = _found(ENGINE_CREDENTIAL, password_file, _OF_DATABASE)
    if found is None:
        return DatabaseAddress(url=url, password=None, password_file=password_file)
    path, text = found
    password = text.strip("\r\n")
    if not password or not password.isprintable():
        raise ConfigError(
            "must hold one password and nothing else", where=str(path), fix="Put it there, in one line."
        )
    remember_secret(password)
    return DatabaseAddress(url=url, password=SecretStr(password), password_file=password_file)


def _credential(name: str) -> Path | None:
    """The credential that systemd has put there, if any. It guards it by other means than a mode."""
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    path = Path(folder) / name if folder else None
    return path if path is not None and path.is_file() else None


@dataclass(frozen=True, slots=True)
class _Secret:
    """What a file holds, for an error about it."""

    name: str
    fix: str


_OF_AGENT: Final = _Secret("token", "Write the agent's token into this file, or correct token_file.")
_OF_HTTP: Final = _Secret("token of the page", "Write one into this file, or correct [http] token_file.")
_OF_DATABASE: Final = _Secret(
    "password of the database", "Write it into this file, or correct [engine] password_file."
)
_OF_PROXY: Final = _Secret(
    "proxy's credentials", "Write USER:PASSWORD into this file, or correct proxy_credentials_file."
)


def _found(credential: str, file: Path | None, secret: _Secret) -> tuple[Path, str] | None:
    """Where a secret stands, and what it is: of the credential, else of the file that only its owner can read."""
    path = _credential(credential)
    if path is not None:
        return path, decode(_read_secret(path, secret)[0], str(path))
    return None if file is None else (file, decode(_read_guarded(file, secret), str(file)))


def _read_guarded(path: Path, secret: _Secret) -> bytes:
    """Of a file that only its owner can read."""
    data, mode = _read_secret(path, secret)
    if mode & 0o077:
        raise ConfigError(
            f"the {secret.name.partition(' ')[0]} file is open to others (mode {mode:04o})",
            where=str(path),
            fix=f"chmod 600 '{path}'",
        )
    return data


def _read_secret(path: Path, secret: _Secret) -> tuple[bytes, int]:
    """What is in it, and the mode of the same file: another one may take its place meanwhile."""
    try:
        with path.open("rb") as file:
            return file.read(), stat.S_IMODE(os.fstat(file.fileno()).st_mode)
    except OSError as exc:
        is_roots = isinstance(exc, PermissionError) and "CREDENTIALS_DIRECTORY" in os.environ
        raise ConfigError(
            f"cannot read the {secret.name}: {exc.strerror}",
            where=str(path),
            fix="Restart the unit, so that systemd hands it over." if is_roots else secret.fix,
        ) from exc


def _as_token(text: str, where: str) -> SecretStr:
    """What can stand in a header: one word of printable ASCII."""
    token = text.strip()
    if not token or not all("!" <= character <= "~" for character in token):
        raise ConfigError(
            "must hold one token and nothing else", where=where, fix="Put the agent's token there, alone."
        )
    remember_secret(token)
    return SecretStr(token)
