"""The network between a process and its database."""

from __future__ import annotations

import asyncio
from pathlib import Path

from psycopg import conninfo

from tests.chaos.proxy import FaultProxy

SOCKET = ".s.PGSQL.5432"


class DatabaseProxy(FaultProxy):
    """
    A port before a server that listens on a socket in a folder.

    Args:
        url: The server's own.
    """

    def __init__(self, url: str) -> None:
        super().__init__("", 0)
        self._url = url

    @property
    def url(self) -> str:
        """The same database, by way of here."""
        return conninfo.make_conninfo(self._url, host="127.0.0.1", port=self.port)

    async def _reach(self):
        folder = Path(str(conninfo.conninfo_to_dict(self._url)["host"]))
        return await asyncio.open_unix_connection(folder / SOCKET)
