"""More of the server's quirks that a client must survive, each under its number (contract section 6)."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
import websockets
from pydantic import SecretStr
from websockets.asyncio.server import serve

from mycel_runtime.errors import IdentityRefusedError
from mycel_runtime.inbox.connection import CurrentConnection
from mycel_runtime.inbox.stream import Listener
from mycel_runtime.sdk import AsyncClient
from mycel_runtime.sdk.stream import open_stream
from mycel_runtime.settings import InboxSettings
from tests.integration.inbox.conftest import DEADLINE, Memory, running

pytestmark = pytest.mark.slow

REQUESTED = "relationship.requested"


async def stranger(home):
    """Somebody else, who wants a relationship with the agent."""
    async with AsyncClient(base_url=home.backend.base_url) as nobody:
        made = await nobody.auth.create_guest_owner("stranger")
    return AsyncClient(base_url=home.backend.base_url, auth_token=made["token"])


async def request_relationship(home):
    async with await stranger(home) as client:
        await client.relationships.request(home.agent_id)


def socket_of(home, since_seq):
    return open_stream(base_url=home.backend.base_url, auth_token=home.agent_token, since_seq=since_seq)


async def test_q6_an_event_that_nobody_was_woken_for_waits_in_the_queue_for_the_next_connect(home, tmp_path):
    await request_relationship(home)

    async with running(home, tmp_path / "s", reconcile_interval=3600) as runtime:
        await runtime.until_event(REQUESTED)


async def test_q11_a_successor_that_its_predecessors_end_deafens_is_noticed(home, tmp_path):
    async with socket_of(home, None) as silent, running(home, tmp_path / "s") as runtime:
        await runtime.memory.wait("reconcile.finished")
        await silent._connection.close()

        async with asyncio.timeout(DEADLINE):
            said = 0
            while not runtime.memory.named("deafness.detected"):
                await home.say(f"{said}")
                said += 1
                await asyncio.sleep(0.3)
        await runtime.memory.wait("stream.connected", 2)
        await runtime.until_heard(*(f"{number}" for number in range(said)))


async def test_q13_what_a_dead_connection_was_given_is_replayed_from_the_ring(home, tmp_path):
    async with running(home, tmp_path / "s") as runtime:
        await home.say("one")
        await runtime.until_heard("one")
    zombie = socket_of(home, 0)
    connection = await zombie.__aenter__()
    connection._connection.transport.abort()
    with contextlib.suppress(websockets.ConnectionClosed):
        await connection._connection.wait_closed()
    await request_relationship(home)

    async with running(home, tmp_path / "s", reconcile_interval=3600) as runtime:
        await runtime.until_event(REQUESTED)
        assert runtime.frames.count(REQUESTED) == 1
    with contextlib.suppress(Exception):
        await zombie.__aexit__(None, None, None)


async def test_q23_a_lost_answer_of_a_drain_is_replayed_from_the_ring(home, tmp_path):
    async with running(home, tmp_path / "s") as runtime:
        await home.say("one")
        await runtime.until_heard("one")
    await request_relationship(home)
    home.backend.faults.lose_answer(path="/api/runtime/inbox/drain")

    async with running(home, tmp_path / "s", reconcile_interval=3600) as runtime:
        await runtime.memory.wait("reconcile.failed")
        home.backend.faults.drop_streams()
        await runtime.until_event(REQUESTED)


async def test_q24_q25_a_notification_that_is_gone_for_good_is_found_in_the_lists(home, tmp_path):
    """However the queue loses an item, the relationship itself is there: here somebody else drains it, or the
    dead connection does (Q13), and the restart takes the ring away."""
    async with running(home, tmp_path / "s") as runtime:
        await runtime.memory.wait("reconcile.finished")
    await request_relationship(home)
    async with AsyncClient(base_url=home.backend.base_url, auth_token=home.agent_token) as thief:
        await thief.notifications.drain()
    home.backend.restart()

    async with running(home, tmp_path / "s") as runtime:
        await runtime.until_event("relationship.changed")
        assert REQUESTED not in runtime.frames


async def test_q46_within_a_chat_the_order_is_that_of_the_messages(home, tmp_path):
    others = [await home.owner.chats.create([home.agent_id], title=f"{n}", kind="group") for n in range(3)]
    async with running(home, tmp_path / "s") as runtime:
        for number in range(30):
            await home.say(f"{number % 3}/{number:02}", others[number % 3]["id"])
        async with asyncio.timeout(DEADLINE):
            while len(runtime.heard) < 30:  # noqa: ASYNC110 - the handler knows nothing of the test
                await asyncio.sleep(0.01)

        for chat in "012":
            heard = [text for text in runtime.heard if text.startswith(chat)]
            assert heard == sorted(heard)


class Refusing:
    """Stands where intake and reconciler would."""

    tick_interval = 5.0
    now = staticmethod(lambda: 0.0)
    succeeded_at = None

    def __init__(self, since_seq=7):
        self.since_seq = since_seq
        self.checkpoint = type("At", (), {"epoch": 1, "since_seq": since_seq})

    def resume(self):
        return self.since_seq

    async def run(self, reason):
        """Nothing to reconcile."""

    def tell_calls(self, call_made):
        """There are none."""

    def suspect(self):
        """Nothing to look at."""


def listener(base_url, sdk, memory):
    nothing = Refusing()
    return Listener(
        base_url=base_url,
        token=SecretStr("token"),
        sdk=sdk,
        intake=nothing,
        reconciler=nothing,
        connection=CurrentConnection(),
        settings=InboxSettings(backoff_base=0.01, backoff_cap=0.05),
        observer=memory,
    )


async def test_q15_q16_the_only_message_ever_sent_is_one_resume_with_an_integer_as_text(home):
    received = []
    is_resumed = asyncio.Event()

    async def record(connection):
        async for message in connection:
            received.append(message)
            is_resumed.set()

    async with serve(record, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with asyncio.timeout(DEADLINE), asyncio.TaskGroup() as tasks:
            running_ = tasks.create_task(listener(f"http://127.0.0.1:{port}", home.owner, Memory()).run())
            await is_resumed.wait()
            await asyncio.sleep(0.2)
            running_.cancel()

    assert received == ['{"type":"resume","since_seq":7}']


async def test_q18_a_bad_token_is_told_from_a_bad_server_by_asking_who_we_are(home):
    async with AsyncClient(base_url=home.backend.base_url, auth_token="forged") as sdk:
        with pytest.raises(IdentityRefusedError):
            async with asyncio.timeout(DEADLINE):
                await listener(home.backend.base_url, sdk, Memory()).run()


@pytest.mark.parametrize("status", [403, 404, 500, 503])
async def test_q52_a_refusal_by_a_proxy_never_ends_an_identity(home, status):
    def refuse(connection, _request):
        return connection.respond(status, "deploying")

    memory = Memory()
    async with serve(lambda _connection: None, "127.0.0.1", 0, process_request=refuse) as server:
        port = server.sockets[0].getsockname()[1]
        async with asyncio.timeout(DEADLINE), asyncio.TaskGroup() as tasks:
            running_ = tasks.create_task(listener(f"http://127.0.0.1:{port}", home.owner, memory).run())
            await memory.wait("stream.retry_scheduled", 4)
            assert not running_.done()
            running_.cancel()


@pytest.mark.parametrize("ticks", range(12))
async def test_a_cancellation_while_a_connection_is_being_replaced_ends_the_listener(home, ticks):
    """Whichever step of the replacement it meets; the listener must not live on with it swallowed."""
    memory = Memory()

    async def hold(connection):
        await connection.wait_closed()

    async with serve(hold, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        subject = listener(f"http://127.0.0.1:{port}", home.owner, memory)
        async with asyncio.timeout(DEADLINE), asyncio.TaskGroup() as tasks:
            living = tasks.create_task(subject.run())
            await memory.wait("stream.connected")
            while not subject.is_connected:  # noqa: ASYNC110 - the next steps are counted
                await asyncio.sleep(0)
            subject._connection.replace_if("test")
            for _ in range(ticks):
                await asyncio.sleep(0)
            living.cancel()

    assert living.cancelled()
