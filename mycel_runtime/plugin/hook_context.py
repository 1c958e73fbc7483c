"""What a hook of the agent's start, or of its stop, is given; at the stop nothing is said any more."""

from __future__ import annotations

from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.plugin.calling import Calling
from mycel_runtime.plugin.run_view import RunView
from mycel_runtime.plugin.speaking import Speaking


@dataclass(slots=True, kw_only=True)
class StartView(RunView):
    """
    What is shown to a hook of the agent's start.

    Attributes:
        attempt: From 1 at each start of the agent; more than 1 after failures.
    """


@dataclass(slots=True, kw_only=True)
class StartContext(StartView, Speaking):
    """For hooks of the agent's start. What they `say` is written down when they have returned, and not before."""


@dataclass(slots=True, kw_only=True)
class StopView(RunView):
    """
    What is shown to a hook of the agent's stop.

    Attributes:
        attempt: 1.
    """


@dataclass(slots=True, kw_only=True)
class StopContext(StopView, Calling):
    """For hooks of the agent's stop."""
