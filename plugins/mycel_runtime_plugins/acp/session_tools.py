"""Mycel as tools of one session: named when it is opened, and bound anew to the run that each prompt is of."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from mycel_runtime import ToolServer

_NAME: Final = "mycel"
_FOLDER_MODE: Final = 0o700
_NAME_BYTES: Final = 16


class SessionTools:
    """
    Of one opening of a session: what was started for an earlier one speaks no more.

    Args:
        server: As of the run in which the session is opened.
        folder: For the file that names the run.
    """

    def __init__(self, server: ToolServer, folder: Path) -> None:
        self._folder = folder
        self._file = folder / secrets.token_hex(_NAME_BYTES)
        self._server = server.lasting(self._file)

    @property
    def entry(self) -> dict[str, Any]:
        """As `session/new` names the server. Source: the protocol, `McpServerStdio`."""
        program, *arguments = self._server.command
        environment = [{"name": name, "value": value} for name, value in self._server.environment.items()]
        return {"name": _NAME, "command": program, "args": arguments, "env": environment}

    @contextlib.asynccontextmanager
    async def speaking_as(self, server: ToolServer, known_seq: int) -> AsyncIterator[None]:
        """
        For the time of a prompt: what the session's tools say is the run's.

        Args:
            server: Of that run.
            known_seq: The newest message that the session knows before.

        Raises:
            OSError: The file cannot be written.

        Cancelling: they say nothing any more.
        """
        try:
            await asyncio.to_thread(self._bind, server, known_seq)
            yield
        finally:
            # If this is cut short: a name that stands there is over with its run.
            await asyncio.to_thread(self._file.unlink, missing_ok=True)

    def _bind(self, server: ToolServer, known_seq: int) -> None:
        self._folder.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
        server.bind(self._file, known_seq=known_seq)
