"""What is not kept beside the work, which goes on: traces that nobody takes, runs that cannot be captured."""

from __future__ import annotations

from typing import TYPE_CHECKING

from typing_extensions import override

from mycel_runtime.observe.facts import CaptureFailed, CaptureKept, TracesLost, TracesTaken
from mycel_runtime.observe.observer import Choosy

if TYPE_CHECKING:
    from collections.abc import Collection

    from mycel_runtime.observe.facts import Fact


class Unkept(Choosy):
    """
    At present, as the facts have it.

    Attributes:
        traces: Address of the receiver that does not take them; empty: it does, or there is none.
        capture: Why what runs are shown is not kept; empty: it is, or is not to be.
    """

    def __init__(self) -> None:
        self.traces = ""
        self.capture = ""

    @property
    @override
    def kinds(self) -> Collection[type[Fact]]:
        return (TracesLost, TracesTaken, CaptureFailed, CaptureKept)

    @override
    def tell(self, fact: Fact) -> None:
        match fact:
            case TracesLost(endpoint=endpoint):
                self.traces = endpoint
            case TracesTaken():
                self.traces = ""
            case CaptureFailed(reason=reason):
                self.capture = reason
            case CaptureKept():
                self.capture = ""
            case _:
                pass
