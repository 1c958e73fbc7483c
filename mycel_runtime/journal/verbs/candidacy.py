"""Whose turn it is where one process has the journal to itself: always this one's."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from typing_extensions import override

from mycel_runtime.journal.port.candidacy import Candidacy

if TYPE_CHECKING:
    from collections.abc import Callable


class LoneCandidacy(Candidacy):
    """Of a journal that nobody else can have open."""

    @property
    @override
    def holder(self) -> str:
        return ""

    @property
    @override
    def away_since(self) -> None:
        return None

    @override
    async def wait_turn(self) -> None:
        return

    @override
    async def wait_move(self, is_idle: Callable[[], bool]) -> None:
        await asyncio.get_running_loop().create_future()
