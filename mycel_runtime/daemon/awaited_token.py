"""Whether the agent waits for another token, because the backend has refused the one that it has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mycel_runtime.daemon.lasting import Lasting
from mycel_runtime.observe.facts import TokenAwaited, TokenRenewed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class AwaitedToken(Lasting):
    """
    From a refusal until another one is in use; if there comes none, the agent ends.

    Args:
        file: Where the token is read; `None`: what it is read from is not the operator's to write while it runs.
        clock: Epoch seconds.
    """

    def __init__(self, file: Path | None, clock: Callable[[], float]) -> None:
        super().__init__(TokenAwaited, TokenRenewed, clock)
        self._file = file

    def problems(self, now: float) -> tuple[str, ...]:
        """What to tell the operator; nothing while the token is good."""
        if (seconds := self.seconds(now)) is None:
            return ()
        fix = (
            "put another one where it was handed over from, and start it again"
            if self._file is None
            else f"write another one into {self._file}"
        )
        return (f"the backend has refused the token {seconds:.0f} s ago, and no call is made: {fix}",)
