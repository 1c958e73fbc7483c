"""The control socket, asked while its daemon cannot say how it is."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from mycel_runtime.daemon.control import ask_status, control_server
from mycel_runtime.errors import ControlError, JournalError, NoDaemonError


async def asked(state_dir):
    """Its answer, once it listens."""
    async with asyncio.timeout(60):
        while True:
            with contextlib.suppress(NoDaemonError):
                return await asyncio.to_thread(ask_status, state_dir)
            await asyncio.sleep(0.01)


async def test_a_daemon_that_cannot_say_how_it_is_is_no_fault_of_the_command(tmp_path):
    """Its journal has failed, or it is of another version: 75, and not an internal error of the command's."""

    async def status():
        raise JournalError("journal: SQLITE_BUSY: database is locked")

    async with control_server(tmp_path, status):
        with pytest.raises(ControlError, match="cannot tell its status: HTTP 500"):
            await asked(tmp_path)


async def test_a_status_of_another_version_is_not_believed_in_parts(tmp_path):
    class Other:
        def model_dump_json(self):
            return '{"agent": "a", "health": "fine"}'

    async def status():
        return Other()

    async with control_server(tmp_path, status):
        with pytest.raises(ControlError, match="not as expected"):
            await asked(tmp_path)
