"""How long things take that happen too often to be facts: numbers are made of them, and no log lines."""

from __future__ import annotations

from typing import Protocol

from typing_extensions import override


class Durations(Protocol):
    """Told on the thread where it was measured; must be quick and must not raise. All times are seconds."""

    def waited(self, handler: str, seconds: float) -> None:
        """A delivery of this handler was claimed so long after it was due, be it for the first time or again."""

    def handled(self, handler: str, seconds: float) -> None:
        """This handler's function ran so long, however it ended."""

    def committed(self, seconds: float, operations: int) -> None:
        """The journal has taken so long to commit so many operations, and to sync where one waits for that."""

    def called(self, purpose: str, outcome: str, seconds: float) -> None:
        """A try of a call has ended; `purpose` is a name of `sdk.pace.Worth`, `outcome` one of `sdk.call_outcome`."""


class Unmeasured(Durations):
    """Nobody measures."""

    @override
    def waited(self, handler: str, seconds: float) -> None: ...

    @override
    def handled(self, handler: str, seconds: float) -> None: ...

    @override
    def committed(self, seconds: float, operations: int) -> None: ...

    @override
    def called(self, purpose: str, outcome: str, seconds: float) -> None: ...
