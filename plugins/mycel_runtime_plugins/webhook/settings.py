"""The table `[plugins.webhook]`."""

from __future__ import annotations

from typing import Annotated, Final, Literal, Self, TypeAlias

import httpx
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from mycel_runtime import ConfigPath, ContentPattern

Event: TypeAlias = Literal["messages", "notifications", "relationships", "join_requests", "chats"]

Name: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[\w.@:-]+$")]


_SPEAKING_SECONDS: Final = 60.0
"""For what the answer says, after the endpoint's own time."""


class WebhookSettings(BaseModel):
    """`[plugins.webhook]`; `config/plugins/webhook.toml` tells what each key is for."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str = Field(repr=False)
    secret_file: ConfigPath | None = None
    secret_credential: Name | None = None
    secret_env: Name | None = None
    events: tuple[Event, ...] = Field(default=("messages",), min_length=1)
    chat: Literal["any", "direct", "group"] = "any"
    mention: bool = False
    sender: Literal["any", "human", "agent"] = "any"
    pattern: ContentPattern | None = None
    quiet: float = Field(default=0.0, ge=0.0, le=86_400.0)
    on_conflict: Literal["rerun", "drop"] = "rerun"
    history: int = Field(default=0, ge=0, le=200)
    timeout: float = Field(default=30.0, gt=0.0, le=3600.0)
    max_attempts: int | None = Field(default=None, ge=1, le=100)
    callback_socket: ConfigPath | None = None
    callback_port: int | None = Field(default=None, ge=1, le=65_535)
    callback_timeout: float = Field(default=3600.0, gt=0.0, le=80_000.0)
    retry_cap: float = Field(default=3600.0, ge=1.0, le=86_400.0)
    most_bytes: int = Field(default=1_048_576, ge=1024, le=67_108_864)
    most_replies: int = Field(default=20, ge=1, le=200)
    reply_characters: int = Field(default=4000, ge=1, le=100_000)
    on_give_up: str | None = None
    ca_file: ConfigPath | None = None
    proxy: str | None = Field(default=None, repr=False)

    @field_validator("url")
    @classmethod
    def _require_address(cls, address: str) -> str:
        try:
            url = httpx.URL(address)
        except httpx.InvalidURL:
            raise ValueError("is no address") from None
        if url.scheme not in ("http", "https") or not url.host:
            raise ValueError("must begin with https:// or http://")
        if url.userinfo:
            raise ValueError("must hold no password: the signature tells who calls")
        return address

    @field_validator("proxy")
    @classmethod
    def _require_proxy(cls, proxy: str | None) -> str | None:
        try:
            if proxy not in (None, "environment"):
                httpx.Proxy(str(proxy))
        except (httpx.InvalidURL, ValueError):
            raise ValueError('use http://, https:// or socks5:// and a host, or "environment"') from None
        return proxy

    @field_validator("on_give_up")
    @classmethod
    def _require_words(cls, text: str | None) -> str | None:
        if text is not None and not text.strip():
            raise ValueError("is blank; leave it out to say nothing")
        return text

    @model_validator(mode="after")
    def _require_one_secret(self) -> Self:
        given = [self.secret_file, self.secret_credential, self.secret_env]
        if sum(each is not None for each in given) != 1:
            raise ValueError(
                "needs one of secret_file, secret_credential and secret_env: deliveries are signed"
            )
        return self

    @model_validator(mode="after")
    def _require_one_door(self) -> Self:
        if self.callback_socket is not None and self.callback_port is not None:
            raise ValueError("callbacks come by callback_socket or by callback_port: leave one out")
        return self

    @property
    def has_callbacks(self) -> bool:
        """Whether an answer may come later."""
        return self.callback_socket is not None or self.callback_port is not None

    @property
    def handler_timeout(self) -> float:
        """Seconds for all of a run."""
        later = self.callback_timeout if self.has_callbacks else 0.0
        return min(self.timeout + later + _SPEAKING_SECONDS, 86_400.0)
