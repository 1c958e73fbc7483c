"""An endpoint for each test, and an agent that delivers to it."""

from __future__ import annotations

import pytest

from mycel_runtime_plugins.webhook import plugin
from tests.plugins.webhook.endpoint import KEY, Endpoint


@pytest.fixture
async def endpoint():
    async with Endpoint().serving() as serving:
        yield serving


@pytest.fixture
def key_file(tmp_path):
    path = tmp_path / "webhook.key"
    path.touch(mode=0o600)
    path.write_text(f"whsec_{KEY}\n")
    return path


@pytest.fixture
def delivering(mycel, endpoint, key_file):
    """Makes the agent."""

    async def make(**settings):
        table = {"url": endpoint.url, "secret_file": str(key_file), **settings}
        return await mycel.agent(plugin, settings={"webhook": table})

    return make
