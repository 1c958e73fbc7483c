"""What a worker of an agent runs: its handlers, and nothing that listens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mycel_runtime.daemon.company import LOOK_SECONDS
from mycel_runtime.daemon.timer import every
from mycel_runtime.lazy_dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator

    from mycel_runtime.daemon.company import Company
    from mycel_runtime.dispatch.claims import CalledLanes
    from mycel_runtime.dispatch.dispatcher import Dispatcher
    from mycel_runtime.journal.port.lane_calls import LaneCalls
    from mycel_runtime.speech.pauses import Pauses
    from mycel_runtime.wire.ids import UserId


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerParts:
    """
    Of one identity.

    Attributes:
        me: The identity.
        dispatcher: Runs what is claimed of the lanes that this process is called to.
        called_lanes: Those.
        pauses: What the operator has paused.
        company: Looks after what others do.
    """

    me: UserId
    dispatcher: Dispatcher
    called_lanes: CalledLanes
    pauses: Pauses
    company: Company

    def beside(self, calls: LaneCalls) -> Iterator[tuple[str, Coroutine[None, None, None]]]:
        """
        What is to run beside the dispatcher, each with a name; to be cancelled.

        Args:
            calls: Of this identity, to this process.
        """
        yield "lane-calls", calls.run(self.called_lanes.drain)
        yield "company", every(LOOK_SECONDS, self.company.look)
