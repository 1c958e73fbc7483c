"""The bundled `llm` in a process of its own, with a key that systemd hands over."""

from __future__ import annotations

import pytest

from mycel_runtime.plugin.registry import load_plugins
from tests.plugins.llm.endpoint import Endpoint

pytestmark = pytest.mark.slow


async def test_a_model_is_asked_with_the_credential_that_its_table_names(world, tmp_path, monkeypatch):
    """The process is told of no other: it shares a user with the runtime, and need not know where the token lies."""
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    (credentials / "llm.key").write_text("sk-of-systemd\n")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(credentials))
    config = tmp_path / "agent.toml"
    config.touch()
    async with Endpoint("openai") as endpoint:
        table = {
            "isolation": "process",
            "model": "m",
            "base_url": endpoint.url,
            "api_key_credential": "llm.key",
        }
        (loaded,) = load_plugins({"llm": table}, config)
        agent = await world.agent(
            "a", loaded.plugin, worker=loaded.worker, handler_timeout=100, max_attempts=1
        )
        await agent.parts.dispatcher.lifecycle.start(lambda: None)
        chat_id = (await world.owner.chats.ensure_direct("a"))["id"]
        await world.say(chat_id, "hello")
        await agent.hear(chat_id)

    assert await agent.journal.dead_letters("a") == []
    assert [message["content"] for message in await world.owner.messages.list(chat_id)] == ["hello", "fine"]
    assert [each.headers["authorization"] for each in endpoint.asked] == ["Bearer sk-of-systemd"]
