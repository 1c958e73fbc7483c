"""The page: where it listens, who was turned away, and what was changed by it."""

from __future__ import annotations

from typing import ClassVar

from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.observe.facts.fact import Fact, Level


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpOpened(Fact):
    """
    Page and probes are answered.

    Attributes:
        address: Where, host and port.
    """

    name: ClassVar[str] = "http.opened"
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpFailed(Fact):
    """
    The address cannot be listened on; it is tried again, and the agents live meanwhile.

    Attributes:
        address: Host and port, as set.
        reason: The system's, or the name of an error's class.
        retry_in: Seconds until it is tried again.
    """

    name: ClassVar[str] = "http.failed"
    level: ClassVar[Level] = "error"
    address: str
    reason: str
    retry_in: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRefused(Fact):
    """
    A request was not for the page, or not from it.

    Attributes:
        status: Of the answer.
        reason: In our own words; nothing of the request.
    """

    name: ClassVar[str] = "page.refused"
    level: ClassVar[Level] = "warning"
    alike_by: ClassVar[tuple[str, ...]] = ("status", "reason")
    status: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PageSignedIn(Fact):
    """Somebody has shown the page's token in a browser, and may act for some hours."""

    name: ClassVar[str] = "page.signed_in"


@dataclass(frozen=True, slots=True, kw_only=True)
class PageActed(Fact):
    """
    An operator has changed something by the page.

    Attributes:
        verb: `retry`, `drop`, `settle`, `pause` or `resume`, as the commands of that name.
        subject: Of which dead letter, send, chat or plugin.
        is_done: There was something to be done.
    """

    name: ClassVar[str] = "page.acted"
    verb: str
    subject: str
    is_done: bool
