"""How a program has ended."""

from __future__ import annotations

import signal
from dataclasses import dataclass

from typing_extensions import override


@dataclass(frozen=True, slots=True, kw_only=True)
class ExitStatus:
    """
    Either of the two is `None`; both are if nobody knows, because its supervisor was killed.

    Attributes:
        code: 0 to 255.
        signal: Which ended it.
    """

    code: int | None = None
    signal: int | None = None

    @override
    def __str__(self) -> str:
        """For logs and reasons."""
        if self.code is not None:
            return f"exit status {self.code}"
        if self.signal is None:
            return "an unknown end"
        try:
            return f"ended by {signal.Signals(self.signal).name}"
        except ValueError:
            return f"ended by signal {self.signal}"
