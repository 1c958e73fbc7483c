"""An agent with the plugin, and the model that it asks."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from mycel_runtime_plugins.llm import plugin
from mycel_runtime_plugins.llm.client_library import open_client
from mycel_runtime_plugins.llm.endpoint import ask
from mycel_runtime_plugins.llm.question import Question
from mycel_runtime_plugins.llm.settings import LlmSettings
from tests.plugins.llm.endpoint import Endpoint


@pytest.fixture(params=["openai", "anthropic"])
def api(request):
    return request.param


warm = set()
"""The libraries that this process has used: their first use takes seconds where many have to share a processor."""


async def ask_once(endpoint):
    settings = LlmSettings(model="m", api=endpoint.api, base_url=endpoint.url)
    async with open_client(settings, SecretStr("")) as client:
        await ask(
            client, settings, Question(system="", items=[{"role": "user", "content": "hi"}]), seconds=100
        )
    endpoint.asked.clear()
    endpoint.is_asked.clear()


@pytest.fixture
async def endpoint(api):
    async with Endpoint(api) as endpoint:
        if api not in warm:
            await ask_once(endpoint)
            warm.add(api)
        yield endpoint


@pytest.fixture
def model(mycel, endpoint):
    """Starts the agent; settings as of `[plugins.llm]`."""

    async def start(config=None, **settings):
        table = {
            "model": "m",
            "api": endpoint.api,
            "base_url": endpoint.url,
            "stall_timeout": 30.0,
        } | settings
        return await mycel.agent(plugin, settings={"llm": table}, config=config)

    return start
