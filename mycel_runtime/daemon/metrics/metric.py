"""A metric as it is declared, once: what is exposed and the table of `systemd/metrics.md` are made of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from mycel_runtime.lazy_dataclass import dataclass

if TYPE_CHECKING:
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

Kind: TypeAlias = Literal["counter", "gauge", "histogram"]

PREFIX: Final = "mycel_runtime_"
AGENT: Final = "agent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """
    What is exposed under one name.

    Attributes:
        name: Without the prefix; a counter's ends in `_total`.
        meaning: One sentence, with the unit.
        labels: Beside `agent`.
        buckets: Upper bounds of a histogram's, in seconds.
    """

    name: str
    kind: Kind
    meaning: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()

    @property
    def full_name(self) -> str:
        """As it is asked for."""
        return PREFIX + self.name

    def family(self) -> CounterMetricFamily | GaugeMetricFamily:
        """An empty one, for values that are known elsewhere."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        kind = CounterMetricFamily if self.kind == "counter" else GaugeMetricFamily
        return kind(self.full_name, self.meaning, labels=(AGENT, *self.labels))
