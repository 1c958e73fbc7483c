"""
Everything that can be set, and where it may come from.

Precedence: command line, environment (`MYCEL_RUNTIME_SECTION__KEY`), systemd credentials (the files `agent.token`
and `proxy.credentials` in `$CREDENTIALS_DIRECTORY`; its others are not ours), the TOML file, the defaults below. A
key that nobody knows is an error. `config/agent.toml` shows every key with its unit and reason.

Source: design section 11.
"""

from __future__ import annotations

import codecs
import contextlib
import json
import os
import stat
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic_core import PydanticCustomError
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)
from typing_extensions import override

from mycel_runtime.errors import ConfigError
from mycel_runtime.settings_mistakes import (
    ADDRESS_PATTERN,
    ENV_DELIMITER,
    ENV_PREFIX,
    NAME_PATTERN,
    explain_error,
    nearest_of,
    variable_of,
)
from mycel_runtime.wire.address import AddressError, backend_address, proxy_address

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


EMBEDDED: Final = "embedded"
"""`base_url` of a backend inside this process."""

ENVIRONMENT: Final = "environment"
"""`proxy` that the environment names, unless its NO_PROXY has the backend."""

CREDENTIAL: Final = "agent.token"
"""The file in `$CREDENTIALS_DIRECTORY` that holds the token."""

PROXY_CREDENTIAL: Final = "proxy.credentials"
"""The file there that holds user and password of the proxy."""

Seconds = Annotated[float, Field(gt=0, le=86_400)]


def _base_url(text: str) -> str:
    if text.strip().lower() == EMBEDDED:
        return EMBEDDED
    with _told():
        return backend_address(text)


def _proxy(text: str) -> str:
    """The environment's may have credentials in it; what is in our file is shown to others with it."""
    if text.strip() == ENVIRONMENT:
        return ENVIRONMENT
    with _told():
        address = proxy_address(text)
    if address.user is not None:
        raise _mistake(
            "must not include a user or password",
            "Put USER:PASSWORD, and nothing else, into a file of mode 0600, and name it as proxy_credentials_file.",
        )
    return address.url


@contextlib.contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except AddressError as exc:
        raise _mistake(exc.problem, exc.fix) from exc


def _mistake(problem: str, fix: str) -> PydanticCustomError:
    """An error that brings its fix along."""
    return PydanticCustomError("mistake", "{problem}", {"problem": problem, "fix": fix})


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class AgentSettings(_Section):
    """Who the agent is and where it lives."""

    name: Annotated[str, Field(pattern=NAME_PATTERN)]
    base_url: Annotated[str, Field(pattern=ADDRESS_PATTERN), AfterValidator(_base_url)]
    token: SecretStr | None = None
    token_file: Path | None = None
    user_id: Annotated[str, Field(pattern=r"^\S+$")] | None = None
    on_twin: Literal["hold", "warn"] = "hold"
    state_dir: Path | None = None


class NetworkSettings(_Section):
    """How the backend is reached, by calls and stream alike; without meaning for an embedded one."""

    ca_file: Path | None = None
    client_cert: Path | None = None
    client_key: Path | None = None
    proxy: Annotated[str, AfterValidator(_proxy)] | None = None
    proxy_credentials_file: Path | None = None
    trust: Literal["system", "bundled"] = "system"


class InboxSettings(_Section):
    """How we listen."""

    reconcile_interval: Seconds = 30.0
    suspect_interval: Seconds = 5.0
    deaf_grace: Seconds = 5.0
    connect_timeout: Seconds = 10.0
    ping_interval: Seconds = 20.0
    ping_timeout: Seconds = 20.0
    backoff_base: Seconds = 1.0
    backoff_cap: Seconds = 60.0
    stable_after: Seconds = 60.0
    queue_frames: Annotated[int, Field(ge=1, le=65_536)] = 2048


class DispatchSettings(_Section):
    """Whose turn it is, and for how long."""

    concurrency: Annotated[int, Field(ge=1, le=1024)] = 8
    handler_timeout: Seconds = 120.0
    max_attempts: Annotated[int, Field(ge=1, le=100)] = 8
    retry_base: Seconds = 1.0
    retry_cap: Seconds = 60.0
    conflict_rounds: Annotated[int, Field(ge=1, le=100)] = 5
    settle_grace: Annotated[float, Field(ge=0, le=600)] = 2.0
    park_after: Seconds = 60.0
    hole_grace: Seconds = 5.0
    past_cap: Annotated[int, Field(ge=1, le=200)] = 50
    quarantine_after: Annotated[int, Field(ge=1, le=10_000)] = 20
    quarantine_time: Seconds = 300.0


class GuardSettings(_Section):
    """How much an agent says while no human speaks."""

    turns: Annotated[int, Field(ge=1, le=10_000)] = 6
    window: Annotated[float, Field(gt=0, le=31 * 86_400)] = 3600.0
    chat_sends: Annotated[int, Field(ge=1, le=1_000_000)] = 30
    plugin_sends: Annotated[int, Field(ge=1, le=1_000_000)] = 300


class JournalSettings(_Section):
    """What the journal keeps beyond what it needs."""

    kept_turns: Annotated[int, Field(ge=0, le=10_000_000)] = 10_000


class DaemonSettings(_Section):
    """The process."""

    drain_timeout: Seconds = 30.0


class LogSettings(_Section):
    """What is written to standard error."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "console", "json"] = "auto"


class BackendSettings(_Section):
    """The local backend of `base_url = "embedded"`; without meaning elsewhere."""

    port: Annotated[int, Field(ge=0, le=65_535)] = 0
    greeting: str | None = None


class Settings(BaseSettings):
    """One agent. Built by `load_settings` only."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX,
        env_nested_delimiter=ENV_DELIMITER,
        extra="forbid",
        frozen=True,
        nested_model_default_partial_update=True,
    )

    agent: AgentSettings
    network: NetworkSettings = NetworkSettings()
    inbox: InboxSettings = InboxSettings()
    dispatch: DispatchSettings = DispatchSettings()
    guard: GuardSettings = GuardSettings()
    journal: JournalSettings = JournalSettings()
    daemon: DaemonSettings = DaemonSettings()
    log: LogSettings = LogSettings()
    backend: BackendSettings = BackendSettings()
    plugins: dict[str, dict[str, Any]] = {}

    @override
    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The file's content travels as the one init argument, so that it can rank below the environment."""
        assert isinstance(init_settings, InitSettingsSource)
        given = init_settings.init_kwargs
        return (
            InitSettingsSource(settings_cls, init_kwargs=given["overrides"]),
            env_settings,
            InitSettingsSource(settings_cls, init_kwargs=given["file"]),
        )

    @property
    def is_embedded(self) -> bool:
        """Whether the backend runs inside this process."""
        return self.agent.base_url == EMBEDDED

    @property
    def state_dir(self) -> Path:
        """
        Where the journal lives: as set, else `$STATE_DIRECTORY`, else below the XDG state home.

        Raises:
            ConfigError: None of them is known.
        """
        if self.agent.state_dir is not None:
            return self.agent.state_dir
        if systemd := os.environ.get("STATE_DIRECTORY"):
            return Path(systemd.split(":", 1)[0])
        return _state_home() / "mycel-runtime" / self.agent.name


def load_settings(path: Path, overrides: Mapping[str, Any] | None = None) -> Settings:
    """
    The settings of one file, with relative paths made absolute from the file's folder.

    Args:
        path: The TOML file.
        overrides: From the command line, nested like the file.

    Raises:
        ConfigError: Missing, unreadable or malformed file, unknown key, bad value; names file, key and line.
    """
    text = read_config(path)
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as exc:
        raise ConfigError(f"not valid TOML: {exc}", where=str(path), fix="Mend that line.") from exc
    _require_known_variables()
    try:
        settings = Settings(file=table, overrides=dict(overrides or {}))  # type: ignore[call-arg]  # see settings_customise_sources
    except ValidationError as exc:
        raise _explain(exc, path, text) from exc
    except SettingsError as exc:
        raise _explain_variables() from exc
    return _absolute(settings, path)


def read_config(path: Path) -> str:
    """
    The text of a TOML file: UTF-8, with or without a byte order mark.

    Raises:
        ConfigError: Missing, unreadable, or in another encoding.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError as exc:
        raise ConfigError(
            "no such file",
            where=str(path),
            fix="Name an existing file with --config; config/agent.toml shows every key.",
        ) from exc
    except OSError as exc:
        raise ConfigError(
            f"cannot be read: {exc.strerror}", where=str(path), fix="Check file and permissions."
        ) from exc
    return _decode(data, str(path))


def read_token(settings: Settings) -> SecretStr:
    """
    The agent's bearer token: of the environment, else the credential, else of the file, else the token file.

    Read anew at each call: a credential and a token file may have been replaced.

    Raises:
        ConfigError: None is set, or what is set holds no token, or is a file that is missing or readable by others.
    """
    variable = variable_of(["agent", "token"])
    credential = _credential(CREDENTIAL)
    if settings.agent.token is not None and (variable or credential is None):
        where = f"environment variable {variable}" if variable else "[agent] token"
        return _as_token(settings.agent.token.get_secret_value(), where)
    if credential is not None:
        return _as_token(_decode(_read_secret(credential, _OF_AGENT)[0], str(credential)), str(credential))
    if settings.agent.token_file is None:
        raise ConfigError(
            "no token",
            where="[agent]",
            fix="Set token_file, or the credential agent.token, or MYCEL_RUNTIME_AGENT__TOKEN.",
        )
    return read_token_file(settings.agent.token_file)


def read_token_file(path: Path) -> SecretStr:
    """
    A token from a file that only its owner can read.

    Raises:
        ConfigError: As `read_token`.
    """
    return _as_token(_decode(_read_guarded(path, _OF_AGENT), str(path)), str(path))


def read_proxy_credentials(settings: Settings) -> tuple[str, str] | None:
    """
    User and password of the proxy: of the credential `proxy.credentials`, else of the file, if there is either.

    Raises:
        ConfigError: What is set does not hold them, or is a file that is missing or readable by others.
    """
    if settings.network.proxy is None:
        return None
    path = _credential(PROXY_CREDENTIAL)
    if path is not None:
        data = _read_secret(path, _OF_PROXY)[0]
    elif settings.network.proxy_credentials_file is not None:
        path = settings.network.proxy_credentials_file
        data = _read_guarded(path, _OF_PROXY)
    else:
        return None
    user, colon, password = _decode(data, str(path)).strip().partition(":")
    if not (user and colon and (user + password).isprintable()):
        raise ConfigError(
            "must hold USER:PASSWORD and nothing else", where=str(path), fix="Put them there, in one line."
        )
    return user, password


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
_OF_PROXY: Final = _Secret(
    "proxy's credentials", "Write USER:PASSWORD into this file, or correct proxy_credentials_file."
)


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
        raise ConfigError(
            f"cannot read the {secret.name}: {exc.strerror}", where=str(path), fix=secret.fix
        ) from exc


def _as_token(text: str, where: str) -> SecretStr:
    """What can stand in a header: one word of printable ASCII."""
    token = text.strip()
    if not token or not all("!" <= character <= "~" for character in token):
        raise ConfigError(
            "must hold one token and nothing else", where=where, fix="Put the agent's token there, alone."
        )
    return SecretStr(token)


def _decode(data: bytes, where: str) -> str:
    fix = f"Save it as UTF-8, for example: iconv -f UTF-16 -t UTF-8 '{where}'"
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or b"\0" in data:
        raise ConfigError("not UTF-8: it looks like UTF-16", where=where, fix=fix)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        line = data.count(b"\n", 0, exc.start) + 1
        raise ConfigError(f"not UTF-8 in line {line}", where=where, fix="Save it as UTF-8.") from exc


def _state_home() -> Path:
    """A relative one is none. Source: XDG base directory specification."""
    if (named := Path(os.environ.get("XDG_STATE_HOME", ""))).is_absolute():
        return named
    try:
        home = Path.home()
    except RuntimeError:
        home = Path()
    # Python takes an empty HOME for the root directory.
    if not home.is_absolute() or not os.environ.get("HOME", "unset"):
        raise ConfigError(
            "no home directory to keep the state in", where="HOME", fix="Set [agent] state_dir, or HOME."
        )
    return home / ".local" / "state"


def _absolute(settings: Settings, config: Path) -> Settings:
    sections = {"agent": settings.agent, "network": settings.network}
    return settings.model_copy(
        update={
            name: section.model_copy(update=_absolute_paths(section, config, name))
            for name, section in sections.items()
        }
    )


def _absolute_paths(section: _Section, config: Path, name: str) -> dict[str, Path]:
    return {
        key: _absolute_path(value, config, f"[{name}] {key}")
        for key in type(section).model_fields
        if isinstance(value := getattr(section, key), Path)
    }


def _absolute_path(path: Path, config: Path, key: str) -> Path:
    try:
        return (config.parent / path.expanduser()).resolve()
    except RuntimeError as exc:
        raise ConfigError(
            f"no home directory for {path}", where=f"{config}: {key}", fix="Name it without '~'."
        ) from exc
    except (OSError, ValueError) as exc:
        raise ConfigError(
            "no path that can be followed", where=f"{config}: {key}", fix="Correct the path."
        ) from exc


def _require_known_variables() -> None:
    """One that names a section that we do not know would else be ignored."""
    sections = {name.upper(): name for name in Settings.model_fields}
    for name in os.environ:
        section, delimiter, _ = name.upper().removeprefix(ENV_PREFIX).partition(ENV_DELIMITER)
        if name.upper().startswith(ENV_PREFIX) and delimiter and section not in sections:
            raise ConfigError(
                "unknown section",
                where=f"environment variable {name}",
                fix=nearest_of(section.lower(), sorted(sections.values())),
            )


def _explain_variables() -> ConfigError:
    """A whole section in one variable must be a table in JSON; most who set one mean something else."""
    section = next((name for name in Settings.model_fields if not _is_table(variable_of([name]))), "")
    return ConfigError(
        "names a whole section, and its value is no table in JSON",
        where=f"environment variable {variable_of([section])}",
        fix=f"Unset it; one key is set by {ENV_PREFIX}{section.upper()}{ENV_DELIMITER}KEY.",
    )


def _is_table(variable: str | None) -> bool:
    try:
        return variable is None or isinstance(json.loads(os.environ[variable]), dict)
    except ValueError:
        return False


def _explain(exc: ValidationError, path: Path, text: str) -> ConfigError:
    """All errors of a file at once, the first one's fix first."""
    explained = [explain_error(error, Settings, str(path), text) for error in exc.errors(include_url=False)]
    if len(explained) == 1:
        return explained[0]
    problems = "\n".join(f"- {error}" for error in explained)
    return ConfigError(f"{len(explained)} errors\n{problems}", where=str(path))
