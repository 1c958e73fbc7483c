"""A connection of calls, on a real socket: what it holds back, what it waits for, and what it notices."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl

import httpx
import pytest
import trustme

from mycel_runtime.sdk.loop_network import READ_AHEAD_BYTES, connect_tcp

pytestmark = pytest.mark.usefixtures("nothing_leaks")

DEADLINE_SECONDS = 20.0
MUCH = 64 * 1024 * 1024


@contextlib.asynccontextmanager
async def connected():
    """Our end, and a blocking socket as the other one."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        async with asyncio.timeout(DEADLINE_SECONDS):
            ours = await connect_tcp("127.0.0.1", listener.getsockname()[1], seconds=5.0)
            theirs, _ = listener.accept()
            with theirs:
                theirs.settimeout(DEADLINE_SECONDS)
                try:
                    yield ours, theirs
                finally:
                    await ours.aclose()


async def test_what_comes_is_read_in_order_and_in_pieces():
    async with connected() as (ours, theirs):
        theirs.sendall(b"abcdef")
        assert [await ours.read(4, seconds=5.0) for _ in range(2)] == [b"abcd", b"ef"]


async def test_nobody_reads_ahead_without_bound():
    async with connected() as (ours, theirs):
        sending = asyncio.to_thread(theirs.sendall, bytes(MUCH))
        async with asyncio.TaskGroup() as tasks:
            sent = tasks.create_task(sending)
            first = await ours.read(1, seconds=5.0)
            for _ in range(100):
                await asyncio.sleep(0.001)
            held = ours._bytes._size
            assert not sent.done()
            left = MUCH - len(first)
            while left:
                left -= len(await ours.read(65_536, seconds=5.0))
    # A look at the socket brings as much again, at most.
    assert held <= 2 * READ_AHEAD_BYTES


async def test_a_read_in_vain_ends_in_time_and_loses_nothing():
    async with connected() as (ours, theirs):
        with pytest.raises(httpx.ReadTimeout):
            await ours.read(10, seconds=0.01)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await ours.read(10, seconds=5.0)
        theirs.sendall(b"late")
        assert await ours.read(10, seconds=5.0) == b"late"


async def test_a_write_is_over_when_the_system_has_all_of_it():
    async with connected() as (ours, theirs):
        with pytest.raises(httpx.WriteTimeout):
            await ours.write(bytes(MUCH), seconds=0.05)
        async with asyncio.TaskGroup() as tasks:
            writing = tasks.create_task(ours.write(b"more", seconds=DEADLINE_SECONDS))
            got = 0
            while got < MUCH + len(b"more"):
                got += len(await asyncio.to_thread(theirs.recv, 1_048_576))
            await writing


async def test_what_the_other_side_has_closed_is_ended_and_can_still_be_written_to():
    async with connected() as (ours, theirs):
        theirs.shutdown(socket.SHUT_WR)
        assert await ours.read(10, seconds=5.0) == b""
        await ours.write(b"goodbye", seconds=5.0)
        assert theirs.recv(10) == b"goodbye"


async def test_a_goodbye_is_noticed_before_the_loop_has_looked_at_it():
    async with connected() as (ours, theirs):
        assert not ours.is_readable
        theirs.shutdown(socket.SHUT_WR)
        assert ours.is_readable
        await ours.read(10, seconds=5.0)
        assert ours.is_readable


async def test_a_reset_ends_reads_and_writes_with_what_the_system_says():
    async with connected() as (ours, theirs):
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        theirs.close()
        with pytest.raises(httpx.ReadError) as reading:
            await ours.read(10, seconds=5.0)
        with pytest.raises(httpx.WriteError):
            await ours.write(b"hello", seconds=5.0)
    assert isinstance(reading.value.__context__, ConnectionResetError)


async def test_after_closing_nothing_is_read_or_written():
    async with connected() as (ours, _):
        await ours.aclose()
        await ours.aclose()
        with pytest.raises(httpx.ReadError):
            await ours.read(10, seconds=5.0)
        with pytest.raises(httpx.WriteError):
            await ours.write(b"hello", seconds=5.0)


async def test_nobody_listens():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(httpx.ConnectError) as error:
        await connect_tcp("127.0.0.1", port, seconds=5.0)
    assert isinstance(error.value.__context__, ConnectionRefusedError)


async def test_with_tls_each_of_many_writes_is_over_at_once():
    """asyncio's TLS holds the one who writes when as much waits as the limit says, be it nothing."""
    authority = trustme.CA()
    theirs = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(theirs)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)

    async def answer_three(reader, writer):
        with contextlib.suppress(asyncio.IncompleteReadError):
            while True:
                writer.write(await reader.readexactly(3))
        writer.close()

    async with (
        asyncio.timeout(DEADLINE_SECONDS),
        await asyncio.start_server(answer_three, "127.0.0.1", 0, ssl=theirs) as server,
    ):
        plain = await connect_tcp("127.0.0.1", server.sockets[0].getsockname()[1], 5.0)
        ours = await plain.start_tls(trusting, "127.0.0.1", 5.0)
        for _ in range(4):
            for piece in (b"a", b"b", b"c"):
                await ours.write(piece, seconds=DEADLINE_SECONDS / 2)
            got = b""
            while len(got) < 3:
                got += await ours.read(10, seconds=5.0)
            assert got == b"abc"
        await ours.aclose()


async def test_what_came_before_tls_is_never_read_as_if_it_were_encrypted():
    """Who stands between, a proxy for one, could put words into the mouth of a server whose certificate holds."""
    async with connected() as (ours, theirs):
        theirs.sendall(b"abcdef")
        assert await ours.read(3, seconds=5.0) == b"abc"
        with pytest.raises(httpx.ConnectError, match="before TLS"):
            await ours.start_tls(ssl.create_default_context(), "127.0.0.1", 5.0)
        assert theirs.recv(10) == b""
