"""What a supervisor's probe is answered with, on the control socket and over TCP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mycel_runtime.daemon.status import Status


def readiness_of(status: Status) -> dict[str, Any]:
    """`/readyz`: whether hearing is proven, why not, and what is wrong on the road."""
    trouble = status.hearing.trouble
    return {
        "ready": status.ready,
        "problems": list(status.problems),
        "causes": [cause.model_dump() for cause in status.network.causes],
        "stream": trouble and trouble.model_dump(),
    }
