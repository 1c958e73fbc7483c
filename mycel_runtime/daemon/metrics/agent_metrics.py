"""Everything that is counted and measured of one agent, and what its status adds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mycel_runtime.daemon.metrics.fact_counts import FactCounts
from mycel_runtime.daemon.metrics.histograms import Histograms
from mycel_runtime.daemon.metrics.journal_files import journal_family
from mycel_runtime.daemon.metrics.levels import LEVELS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

    from prometheus_client.core import Metric as Family

    from mycel_runtime.daemon.status import Status
    from mycel_runtime.journal.ids import HandlerId
    from mycel_runtime.journal.port.engine import JournalFiles


class AgentMetrics:
    """
    Of one agent, in no registry: the library's global one belongs to plugins, which may use it.

    Args:
        agent: Its name.
        handlers: Those there are.

    Attributes:
        facts: Told of facts.
        durations: Told of durations.
    """

    def __init__(self, agent: str, handlers: Collection[HandlerId]) -> None:
        self._agent = agent
        self.facts = FactCounts(agent=agent, handlers=handlers)
        self.durations = Histograms(agent=agent, handlers=handlers)

    def families(self, status: Status, files: JournalFiles | None, state_dir: Path) -> Iterator[Family]:
        """
        All of it, as it is now.

        Args:
            status: Of the agent.
            files: Of its journal; `None`: it has none.
            state_dir: Where what was captured is.
        """
        for level in LEVELS:
            family = level.metric.family()
            for labels, value in level.read(status):
                family.add_metric([self._agent, *labels], value)
            yield family
        yield journal_family(self._agent, files, state_dir)
        yield from self.facts.families()
        yield from self.durations.families()
