"""An agent of this process, as the listener knows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable

    from prometheus_client.core import Metric as Family

    from mycel_runtime.daemon.admin import Admin
    from mycel_runtime.daemon.status import Status
    from mycel_runtime.journal.port.reader import JournalReader
    from mycel_runtime.observe.facts import Fact


class Member(Protocol):
    """What the listener asks of an agent."""

    @property
    def agent(self) -> str:
        """Its name; no two of a listener have the same."""

    @property
    def reader(self) -> JournalReader:
        """Looks into its journal."""

    @property
    def admin(self) -> Admin | None:
        """The operator's verbs; `None` while it has not begun to work, and when it has ended."""

    @property
    def has_ended(self) -> bool:
        """Whether it has ended, while others of its process live."""

    async def status(self) -> Status:
        """All that is known of it now."""

    def families(self, status: Status) -> Iterable[Family]:
        """Its metrics."""

    def tell(self, fact: Fact) -> None:
        """Let its observers know."""
