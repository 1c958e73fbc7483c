from __future__ import annotations

import gc
import threading

import pytest

from tests.unit.sdk.wire import Colour, open_files


@pytest.fixture(params=["sync", "async"])
def colour(request):
    return Colour(request.param)


@pytest.fixture
def nothing_leaks():
    """As many sockets and threads after the test as before it."""
    gc.collect()
    files, threads = open_files(), threading.active_count()
    yield
    gc.collect()
    assert (open_files(), threading.active_count()) == (files, threads)
