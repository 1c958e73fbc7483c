"""Whether the agent waits for another token, because the backend has refused the one that it has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from typing_extensions import override

from mycel_runtime.observe.facts import TokenAwaited, TokenRenewed
from mycel_runtime.observe.observer import Choosy

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

    from mycel_runtime.observe.facts import Fact


class AwaitedToken(Choosy):
    """
    From a refusal until another one is in use; if there comes none, the agent ends.

    Args:
        file: Where the token is read; `None`: what it is read from is not the operator's to write while it runs.
        clock: Epoch seconds.
    """

    def __init__(self, file: Path | None, clock: Callable[[], float]) -> None:
        self._file = file
        self._clock = clock
        self._since: float | None = None

    @property
    @override
    def kinds(self) -> Collection[type[Fact]]:
        return (TokenAwaited, TokenRenewed)

    @override
    def tell(self, fact: Fact) -> None:
        match fact:
            case TokenAwaited():
                self._since = self._clock()
            case TokenRenewed():
                self._since = None
            case _:
                pass

    def problems(self, now: float) -> tuple[str, ...]:
        """What to tell the operator; nothing while the token is good."""
        if self._since is None:
            return ()
        seconds = max(0.0, now - self._since)
        fix = (
            "put another one where it was handed over from, and start it again"
            if self._file is None
            else f"write another one into {self._file}"
        )
        return (f"the backend has refused the token {seconds:.0f} s ago, and no call is made: {fix}",)
