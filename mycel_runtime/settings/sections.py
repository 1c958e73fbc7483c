"""The sections of the file, each key with its type, range and default."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationInfo,
    field_validator,
    model_validator,
)

from mycel_runtime.settings.addresses import (
    checked_base_url,
    checked_database,
    checked_endpoint,
    checked_host,
    checked_listen,
    checked_proxy,
    is_loopback,
    mistake,
)
from mycel_runtime.settings.amounts import bytes_of, checked_keep, checked_size, seconds_of
from mycel_runtime.settings_mistakes import ADDRESS_PATTERN, NAME_PATTERN

Seconds = Annotated[float, Field(gt=0, le=86_400)]

LEASE_SECONDS: Final = 30.0
"""After which another process takes over what one was at work on that is not heard of."""


class Section(BaseModel):
    """A table; a key that nobody knows is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class AgentSettings(Section):
    """Who the agent is and where it lives."""

    name: Annotated[str, Field(pattern=NAME_PATTERN)]
    base_url: Annotated[str, Field(pattern=ADDRESS_PATTERN), AfterValidator(checked_base_url)]
    token: SecretStr | None = None
    token_file: Path | None = None
    user_id: Annotated[str, Field(pattern=r"^\S+$")] | None = None
    on_twin: Literal["hold", "warn"] = "hold"
    state_dir: Path | None = None


class NetworkSettings(Section):
    """How the backend is reached, by calls and stream alike; without meaning for an embedded one."""

    ca_file: Path | None = None
    client_cert: Path | None = None
    client_key: Path | None = None
    proxy: Annotated[str, AfterValidator(checked_proxy)] | None = None
    proxy_credentials_file: Path | None = None
    trust: Literal["system", "bundled"] = "system"


class InboxSettings(Section):
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


class DispatchSettings(Section):
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


class GuardSettings(Section):
    """How much an agent says while no human speaks."""

    turns: Annotated[int, Field(ge=1, le=10_000)] = 6
    window: Annotated[float, Field(gt=0, le=31 * 86_400)] = 3600.0
    chat_sends: Annotated[int, Field(ge=1, le=1_000_000)] = 30
    plugin_sends: Annotated[int, Field(ge=1, le=1_000_000)] = 300


class JournalSettings(Section):
    """What the journal keeps beyond what it needs."""

    keep: Annotated[str, AfterValidator(checked_keep)] = "7d"
    keep_dead_letters: Annotated[str, AfterValidator(checked_keep)] = "90d"
    max_size: Annotated[str, AfterValidator(checked_size)] = "1 GiB"
    kept_turns: Annotated[int, Field(ge=0, le=10_000_000)] = 10_000
    capture: bool = False

    @property
    def keep_seconds(self) -> float:
        """Of `keep`; `math.inf`: for ever."""
        return seconds_of(self.keep)

    @property
    def keep_dead_letters_seconds(self) -> float:
        """Of `keep_dead_letters`; `math.inf`: for ever."""
        return seconds_of(self.keep_dead_letters)

    @property
    def max_bytes(self) -> float:
        """Of `max_size`; `math.inf`: there is no bound."""
        return bytes_of(self.max_size)

    @field_validator("capture")
    @classmethod
    def _is_of_turns(cls, value: bool, info: ValidationInfo) -> bool:  # noqa: FBT001 - pydantic's signature
        if value and info.data.get("kept_turns") == 0:
            raise ValueError("what no turn is logged of is not kept: kept_turns is 0")
        return value


class EngineSettings(Section):
    """What keeps the journal: a file of the state directory, unless a database is named."""

    url: Annotated[str, AfterValidator(checked_database)] | None = None
    password_file: Path | None = None
    lease_seconds: Annotated[float, Field(ge=1, le=3600)] = LEASE_SECONDS
    handlers: Literal["here", "workers"] = "here"

    @field_validator("handlers")
    @classmethod
    def _are_of_a_database(cls, value: str, info: ValidationInfo) -> str:
        if value == "workers" and info.data.get("url") is None:
            raise ValueError("workers share a journal in a database, and url names none")
        return value


class DaemonSettings(Section):
    """The process."""

    drain_timeout: Seconds = 30.0


class LogSettings(Section):
    """What is written to standard error."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "console", "json"] = "auto"


class TracingSettings(Section):
    """Where deliveries are told as traces of OpenTelemetry; nowhere without an endpoint."""

    endpoint: Annotated[str, AfterValidator(checked_endpoint)] | None = None


class HttpSettings(Section):
    """The page and the probes over TCP; off while `listen` is not set."""

    listen: Annotated[str, AfterValidator(checked_listen)] | None = None
    token_file: Path | None = None
    hosts: list[Annotated[str, AfterValidator(checked_host)]] = []
    remote: bool = False

    @model_validator(mode="after")
    def _is_for_this_machine(self) -> HttpSettings:
        if self.listen is not None and not self.remote and not is_loopback(self.listen):
            raise mistake(
                "others reach that address",
                "Listen on 127.0.0.1, or set remote = true and token_file in [http].",
            )
        return self


class BackendSettings(Section):
    """The local backend of `base_url = "embedded"`; without meaning elsewhere."""

    port: Annotated[int, Field(ge=0, le=65_535)] = 0
    greeting: str | None = None
