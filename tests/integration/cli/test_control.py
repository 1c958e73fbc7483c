"""The control socket, asked while its daemon cannot say how it is."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from importlib.metadata import version as version_of
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from mycel_runtime.cli.target import Target
from mycel_runtime.cli.version import version
from mycel_runtime.daemon.control import SOCKET_NAME, ask_status, control_server, give_order
from mycel_runtime.daemon.standby import StandbyReport
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


def test_a_daemon_that_waits_for_its_database_may_do_yet_what_it_was_asked_for(tmp_path, monkeypatch):
    """So whoever paused it, and was told of no success, knows that it may be paused all the same."""
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(SOCKET_NAME)
        silent.listen()
        with pytest.raises(
            ControlError,
            match=r"not answered within 0\.1 seconds; what it was to do may be done yet\n.* status",
        ):
            give_order(tmp_path, "reload", within=0.1)


@pytest.mark.parametrize(
    ("holder", "words"),
    [
        ("b, process 7", "standby: b, process 7, is at work"),
        ("", "standby: nobody is known to be at work"),
    ],
)
def test_whoever_stands_by_tells_for_whom_if_that_is_known(holder, words):
    assert StandbyReport(holder=holder, since=0.0).words == words


async def ended_by_an_error(state_dir, status):
    """The life of an agent's socket, which answers before."""
    async with control_server(state_dir, status):
        with pytest.raises(ControlError):
            await asked(state_dir)
        raise JournalError("the agent's own")


async def test_a_socket_is_heard_that_has_the_number_of_one_whose_agent_ended_by_an_error(tmp_path):
    """Several agents share a loop, which must not go on to watch what is closed: the next one would hear nothing."""
    (tmp_path / "failed").mkdir()
    (tmp_path / "sound").mkdir()

    async def status():
        raise JournalError("closed")

    with pytest.raises(ExceptionGroup):
        await ended_by_an_error(tmp_path / "failed", status)
    async with control_server(tmp_path / "sound", status):
        with pytest.raises(ControlError, match="cannot tell its status: HTTP 500"):
            await asked(tmp_path / "sound")


async def test_the_version_that_runs_is_told_beside_the_installed_one(tmp_path, monkeypatch):
    """A daemon goes on with what it was started with, whatever is installed meanwhile."""
    config = tmp_path / "agent.toml"
    config.write_text('[agent]\nname = "a"\nbase_url = "embedded"\nstate_dir = "state"\n[plugins.echo]\n')
    (tmp_path / "state").mkdir()
    monkeypatch.setattr(Target, "status", lambda self: SimpleNamespace(version="0.0.9"))
    older = CliRunner().invoke(version, ["--config", str(config)])
    monkeypatch.undo()
    none = CliRunner().invoke(version, ["--config", str(config)])
    installed = version_of("mycel-runtime")
    assert older.stdout.splitlines() == [installed, f"a: 0.0.9 runs; restart it to use {installed}"]
    assert none.stdout.splitlines() == [installed, "a: does not run"]


async def test_the_socket_wakes_nobody_while_nobody_asks(tmp_path, monkeypatch):
    """A process may have a thousand of them. A timer of uvicorn's would be the next one of many."""
    set_timers = []

    async def status():
        raise JournalError("journal: SQLITE_BUSY: database is locked")

    loop = asyncio.get_running_loop()
    call_at = loop.call_at

    def noting(when, callback, *args, **options):
        handle = call_at(when, callback, *args, **options)
        set_timers.append(handle)
        return handle

    async with control_server(tmp_path, status):
        with pytest.raises(ControlError):
            await asked(tmp_path)
        # The one that asked has hung up, and what uvicorn waits for at the end of an answer is over.
        monkeypatch.setattr(loop, "call_at", noting)
        await asyncio.to_thread(time.sleep, 0.25)
        assert [handle for handle in set_timers if not handle.cancelled()] == []
