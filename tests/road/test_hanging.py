"""What is not answered is told of while somebody still waits for it."""

from __future__ import annotations

import asyncio

import pytest
from pydantic import SecretStr

from mycel_runtime.daemon import credential as credential_module
from mycel_runtime.daemon.credential import AgentClient, Credential
from mycel_runtime.daemon.network_health import NetworkHealth
from mycel_runtime.sdk import Client
from mycel_runtime.sdk.cause import Cause

DEADLINE = 60.0
INTERVAL = 30.0


class Told:
    """Hears of the first trouble."""

    def __init__(self):
        self.cause = asyncio.get_running_loop().create_future()

    def tell(self, fact):
        if fact.name == "network.troubled":
            self.cause.set_result(fact.cause)


@pytest.fixture
def token(backend):
    with Client(base_url=backend.base_url) as nobody:
        return nobody.auth.create_guest_owner("owner")["token"]


async def test_a_call_that_hangs_is_named_while_it_does(gateway, token, monkeypatch):
    monkeypatch.setattr(credential_module, "UNANSWERED_SECONDS", 0.05)
    gateway.hold(3600.0, path="/api/chats")
    told, health = Told(), NetworkHealth(interval=INTERVAL)
    credential = Credential(SecretStr(token), lambda: SecretStr(token))
    async with (
        AgentClient(base_url=gateway.base_url, credential=credential, observer=told, health=health) as client,
        asyncio.timeout(DEADLINE),
        asyncio.TaskGroup() as tasks,
    ):
        call = tasks.create_task(client.chats.list(), name="call")
        assert await told.cause == Cause.TIMEOUT
        assert not call.done()
        (spell,) = health.spells
        assert (spell.cause, spell.failures) == (Cause.TIMEOUT, 0)
        call.cancel()
