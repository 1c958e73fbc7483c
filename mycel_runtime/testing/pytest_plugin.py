"""
The fixtures, as a plugin of pytest (entry point `pytest11`). The only module that imports pytest.

Everything else is imported when a fixture is used: who tests something else pays nothing. Without pytest-asyncio
pytest starts all the same, and `mycel` is left to whoever else runs `async def` tests, anyio's plugin for example.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

try:
    from pytest_asyncio import fixture as async_fixture
except ImportError:
    async_fixture = pytest.fixture  # type: ignore[assignment]  # takes the same functions

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from mycel_runtime.testing.mycel import Mycel
    from mycel_runtime.testing.sync_mycel import SyncMycel


@async_fixture
async def mycel() -> AsyncIterator[Mycel]:
    """A Mycel of the test's own, in its loop; for `async def` tests."""
    from mycel_runtime.testing.journal_folder import journal_folder  # noqa: PLC0415 - only who uses it pays
    from mycel_runtime.testing.mycel import Mycel  # noqa: PLC0415 - only who uses it pays

    with journal_folder() as folder:
        async with Mycel(folder) as made:
            yield made


@pytest.fixture
def sync_mycel() -> Iterator[SyncMycel]:
    """A Mycel of the test's own, in a thread; for plain tests."""
    from mycel_runtime.testing.journal_folder import journal_folder  # noqa: PLC0415 - only who uses it pays
    from mycel_runtime.testing.sync_mycel import SyncMycel  # noqa: PLC0415 - only who uses it pays

    with journal_folder() as folder, SyncMycel(folder) as made:
        yield made
