from __future__ import annotations

import gc
import threading
import time
from typing import TYPE_CHECKING

import pytest

from tests.unit.sdk.wire import Colour, open_files

if TYPE_CHECKING:
    from collections.abc import Sized


@pytest.fixture(params=["sync", "async"])
def colour(request):
    return Colour(request.param)


@pytest.fixture
def nothing_leaks():
    """No more sockets and threads after the test than before it; what is ending gets a moment to do so."""
    gc.collect()
    files, threads = open_files(), threading.enumerate()
    yield
    ends_at = time.monotonic() + 5
    while not is_within(files, threads) and time.monotonic() < ends_at:
        gc.collect()
        time.sleep(0.01)
    assert is_within(files, threads), (
        set(open_files().items()) - set(files.items()),
        set(threading.enumerate()) - set(threads),
    )


def is_within(files: Sized, threads: Sized) -> bool:
    """Fewer is fine: an earlier test may have left something that ended meanwhile."""
    return len(open_files()) <= len(files) and threading.active_count() <= len(threads)
