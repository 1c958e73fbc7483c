from __future__ import annotations

import gc
import threading
import time

import pytest

from tests.unit.sdk.wire import Colour, open_files


@pytest.fixture(params=["sync", "async"])
def colour(request):
    return Colour(request.param)


@pytest.fixture
def nothing_leaks():
    """No more sockets and threads after the test than before it; what is ending gets a moment to do so."""
    gc.collect()
    before = open_files(), threading.active_count()
    yield
    ends_at = time.monotonic() + 5
    while not is_within(before) and time.monotonic() < ends_at:
        gc.collect()
        time.sleep(0.01)
    assert is_within(before), (before, open_files(), threading.enumerate())


def is_within(before: tuple[int, int]) -> bool:
    """Fewer is fine: an earlier test may have left something that ended meanwhile."""
    return open_files() <= before[0] and threading.active_count() <= before[1]
