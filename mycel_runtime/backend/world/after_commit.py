"""What fails after it was stored (Q21)."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from mycel_runtime.backend.world.refusal import Broken, Refused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mycel_runtime.backend.world.state import World


@contextlib.contextmanager
def failing_after_commit(world: World, failure: dict[str, Any]) -> Iterator[None]:
    """
    Around telling others of what is stored: it stays stored if they cannot be told, and the answer says so.

    Args:
        world: Whose quirk it is; switched off, nobody hears of the trouble.
        failure: What the answer says beside the cause.

    Raises:
        Refused: 500, for a `Broken` inside.
    """
    try:
        yield
    except Broken as exc:
        if world.quirks.failed_after_commit:
            raise Refused(500, {**failure, "cause": str(exc)}) from exc
