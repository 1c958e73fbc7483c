"""One configuration of something in between, what a daemon must make of it, and what it made."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

PLAIN = {
    "nginx": "plain.conf",
    "haproxy": "plain.cfg",
    "apache": "wstunnel.conf",
    "squid": "plain.conf",
    "tinyproxy": "plain.conf",
    "varnish": "pipe.vcl",
}
"""The configuration of each program in which nothing is wrong."""


@dataclass(frozen=True)
class Row:
    """
    What is tried.

    Attributes:
        name: Unique: "nginx/limit_req".
        program: A key of `intermediary.COMMANDS`.
        configuration: A file of its folder.
        extra: More of its command line.
        base_url: As the daemon has it; `@port@` is the program's, `@upstream@` the backend's.
        settings: More sections of the daemon's configuration; the same placeholders, and `@folder@`.
        causes: One of these words must be told while the trouble lasts; empty: none must.
        wrong_causes: None of these words may be told.
        is_mended: Nothing can be answered until the trouble goes: the plain configuration takes its place.
        is_hopeless: Nothing is ever answered; only the cause is asked for.
        bound: Seconds after the last message, or after the mending, until all is answered.
        pause: Seconds between two messages.
        ready_share: Of the time after the start in which the daemon must call itself ready.
        ready_within: Seconds after the last answer until it must; None: it need not, as where no stream can be had.
        behind: Orders to the gateway right before the backend.
        has_tls: The backend itself speaks TLS.
    """

    name: str
    program: str
    configuration: str = ""
    extra: tuple[str, ...] = ()
    base_url: str = "http://127.0.0.1:@port@"
    settings: str = ""
    causes: tuple[str, ...] = ()
    wrong_causes: tuple[str, ...] = ()
    is_mended: bool = False
    is_hopeless: bool = False
    bound: float = 30.0
    pause: float = 0.5
    ready_share: float = 0.0
    ready_within: float | None = None
    behind: Callable[[Any], None] | None = None
    has_tls: bool = False


@dataclass
class Result:
    """
    What came of it.

    Attributes:
        seconds: From the first message to the last answer; None: not all were answered in time.
        calls: That reached the backend in this time.
        ready: The share of this time in which the daemon called itself ready.
        ready_after: Seconds from the last answer until it did; None: it did not, or nobody waited for it.
        causes: Words that it told.
        wrong: What is not as it must be.
        log: The daemon's lines.
    """

    seconds: float | None = None
    calls: int = 0
    ready: float = 0.0
    ready_after: float | None = None
    causes: frozenset[str] = frozenset()
    wrong: list[str] = field(default_factory=list)
    log: tuple[str, ...] = ()
