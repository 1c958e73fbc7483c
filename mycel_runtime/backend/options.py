"""What a backend is like."""

from __future__ import annotations

import time
from dataclasses import field
from typing import TYPE_CHECKING, Literal

from mycel_runtime.backend.quirks import Generation, Quirks, Rules
from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.wire.limits import PING_INTERVAL_SECONDS, PING_TIMEOUT_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendOptions:
    """
    What a backend is like.

    Attributes:
        database: The SQLite file; `None` keeps everything in memory.
        port: 0 for one that the system chooses.
        generation: Which server is played: the last public one (`a`), that of SDK 0.1.45 (`b1`), that of 0.1.83
            (`b2`), or what serves both of these (`b`).
        profile: Everything, or what the communication profile serves (contract 2.12).
        caught_up: Whose caught-up rule and cursor hold; `None` for the generation's own (contract U6).
        control_socket: Where faults and owner's tools are taken from other processes: a path, or a folder in
            which it is named after the port.
        clock: Epoch seconds, for everything that it stamps.
        on_talk: Called in its loop when something was said or taken back, or somebody has come or gone.
    """

    database: Path | None = None
    host: str = "127.0.0.1"
    port: int = 0
    generation: Generation = "b"
    profile: Literal["full", "communication"] = "full"
    quirks: Quirks = field(default_factory=Quirks)
    caught_up: Literal["a", "b"] | None = None
    control_socket: Path | None = None
    clock: Callable[[], float] = time.time
    on_talk: Callable[[], None] = lambda: None
    ping_interval_seconds: float = PING_INTERVAL_SECONDS
    ping_timeout_seconds: float = PING_TIMEOUT_SECONDS

    def url(self, port: int) -> str:
        """Of the host at a port; an IPv6 address stands in brackets."""
        return f"http://{place(self.host, port)}"

    @property
    def rules(self) -> Rules:
        """What the world needs to know of this."""
        return Rules(
            quirks=self.quirks,
            generation=self.generation,
            caught_up=self.caught_up,
            is_full=self.profile == "full",
        )


def place(host: str, port: int) -> str:
    """As it stands in a URL."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
