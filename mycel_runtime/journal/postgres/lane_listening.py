"""
Listens for the jobs of all agents of a process, by one connection.

Procrastinate would listen by one for each agent: of a hundred agents, all that a database has by default. Each of
those would also wake its process ten times a second, which is how psycopg waits for notifications.

What is heard is a hint, and workers look for jobs by themselves beneath it (`lane_jobs.POLL_SECONDS`). So what is too
much to be remembered is forgotten, and a connection that is lost is told of and not replaced: who hears begins anew.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import psycopg
from psycopg import sql

from mycel_runtime.journal.postgres.connections import CONNECT_SECONDS, LINK_OPTIONS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from procrastinate.connector import Notify

_CHECK_SECONDS: Final = 30.0
"""Of silence, after which it is asked whether it is well."""

_REMEMBERED: Final = 1024
"""Notifications that one agent has not dealt with yet, at most."""


class _Hearer(NamedTuple):
    """Who hears of these channels; `None`: never again."""

    channels: Collection[str]
    heard: asyncio.Queue[psycopg.Notify | None]

    def tell(self, notification: psycopg.Notify) -> None:
        """It is of one of them, or of others'."""
        if notification.channel in self.channels and self.heard.qsize() < _REMEMBERED:
            self.heard.put_nowait(notification)


class LaneListening:
    """
    From the first who hears to `close`, or until the connection is lost.

    Args:
        address: libpq's, with the password.
    """

    def __init__(self, address: str) -> None:
        self._address = address
        self._hearers: list[_Hearer] = []
        self._connection: psycopg.AsyncConnection[Any] | None = None
        self._read_socket: int | None = None
        self._turn = asyncio.Lock()
        self._answered_at = -math.inf

    async def open(self) -> None:
        """It connects with the first who hears, who can be told that this is in vain."""

    async def close(self) -> None:
        """Nobody hears any more."""
        self._stop_reading()
        if self._connection is not None:
            await self._connection.close()

    async def hear(self, on_notification: Notify, channels: Iterable[str]) -> None:
        """
        Tell of what comes on these channels, one after the other, until the connection is lost, or cannot be had.

        Args:
            on_notification: As of procrastinate's connectors.
            channels: Listened to from soon on; what came before is not told.

        Cancelling: nothing more is told.
        """
        hearer = _Hearer(frozenset(channels), asyncio.Queue())
        self._hearers.append(hearer)
        try:
            await self._listen(hearer)
            while (told := await self._next(hearer)) is not None:
                await on_notification(channel=told.channel, payload=told.payload)
        except (psycopg.Error, TimeoutError):
            self._lose()
        finally:
            self._hearers.remove(hearer)

    async def _next(self, hearer: _Hearer) -> psycopg.Notify | None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_CHECK_SECONDS):
                    return await hearer.heard.get()
            if time.monotonic() - self._answered_at >= _CHECK_SECONDS:
                # Once more changes nothing, and is answered by a connection that is well.
                await self._listen(hearer)

    async def _listen(self, hearer: _Hearer) -> None:
        """Raises if the connection cannot be had, or does not answer."""
        async with self._turn, asyncio.timeout(CONNECT_SECONDS):
            connection = self._connection or await self._connect()
            # Whoever waits for an answer reads by himself.
            self._stop_reading()
            try:
                for channel in hearer.channels:
                    await connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel)))
            finally:
                self._read_on(connection)
            self._answered_at = time.monotonic()
            self._read(connection)

    async def _connect(self) -> psycopg.AsyncConnection[Any]:
        connection = self._connection = await psycopg.AsyncConnection.connect(
            self._address, autocommit=True, **LINK_OPTIONS
        )
        connection.add_notify_handler(self._tell)
        return connection

    def _read_on(self, connection: psycopg.AsyncConnection[Any]) -> None:
        if not connection.closed:
            self._read_socket = connection.fileno()
            asyncio.get_running_loop().add_reader(self._read_socket, self._read, connection)

    def _stop_reading(self) -> None:
        """At once when the connection is lost: a number of a socket that is closed is soon another's."""
        if self._read_socket is not None:
            asyncio.get_running_loop().remove_reader(self._read_socket)
            self._read_socket = None

    def _read(self, connection: psycopg.AsyncConnection[Any]) -> None:
        """Tell what has come."""
        try:
            connection.pgconn.consume_input()
            while (each := connection.pgconn.notifies()) is not None:
                self._tell(psycopg.Notify(each.relname.decode(), each.extra.decode(), each.be_pid))
        except psycopg.OperationalError:
            self._lose()

    def _tell(self, notification: psycopg.Notify) -> None:
        for hearer in self._hearers:
            hearer.tell(notification)

    def _lose(self) -> None:
        """Whoever hears is to begin anew."""
        self._stop_reading()
        for hearer in self._hearers:
            hearer.heard.put_nowait(None)
