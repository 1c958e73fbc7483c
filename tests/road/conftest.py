"""A backend, and the gateway before it."""

from __future__ import annotations

import pytest

from mycel_runtime.backend.server import LocalBackend
from tests.road.gateway import Gateway


@pytest.fixture
def backend():
    with LocalBackend() as running:
        yield running


@pytest.fixture
def gateway(backend):
    with Gateway(backend.port) as running:
        yield running
