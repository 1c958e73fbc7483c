"""One process of the agent: started, introduced, and ended with all that it has started."""

from __future__ import annotations

import asyncio
import contextlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol, Self

from typing_extensions import override

from mycel_runtime_plugins.acp.connection import METHOD_NOT_FOUND, Connection
from mycel_runtime_plugins.child_process import ChildProcess, ChildSpec, child_environment

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from mycel_runtime_plugins.acp.connection import Params
    from mycel_runtime_plugins.acp.settings import AcpSettings

PROTOCOL_VERSION: Final = 1
"""Source: the protocol; all agents that were tried answer it."""

_CAPABILITIES: Final = {"fs": {"readTextFile": False, "writeTextFile": False}, "terminal": False}
"""Ours: none. The agent has its own folder, and what it runs it runs itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Introduction:
    """
    What the agent says of itself.

    Attributes:
        name: Of the program; empty if it does not say.
        version: Likewise.
        loads: Whether it offers to load sessions.
        closes: Whether it offers to close them.
    """

    name: str = ""
    version: str = ""
    loads: bool = False
    closes: bool = False

    @classmethod
    def from_result(cls, result: Any) -> Self:
        """Of the answer to `initialize`, which may be anything."""
        told = _mapping(result)
        info, offers = _mapping(told.get("agentInfo")), _mapping(told.get("agentCapabilities"))
        return cls(
            name=str(info.get("name") or ""),
            version=str(info.get("version") or ""),
            loads=offers.get("loadSession") is True,
            closes=isinstance(_mapping(offers.get("sessionCapabilities")).get("close"), dict),
        )

    @override
    def __str__(self) -> str:
        return f"{self.name} {self.version}".strip()


class OpenSession(Protocol):
    """What a process tells of one of its sessions, it tells that."""

    def take_update(self, update: Mapping[str, Any], *, is_cut: bool) -> None:
        """The agent has sent this; `is_cut`: it was too long for us."""

    def answer_permission(self, params: Params) -> Mapping[str, Any]:
        """What the agent is told that wants to use a tool."""


class AgentProcess(asyncio.Protocol):
    """
    One that runs, and the sessions that are open in it. `start` makes one.

    Attributes:
        connection: With it.
        introduction: What it has said of itself.
        sessions: By session id.
        opening: How many sessions are just being opened.
        is_retired: It begins no session any more, because it has not ended a turn that was cancelled.
    """

    def __init__(self, settings: AcpSettings) -> None:
        self.connection = Connection(self._write, self._notified, self._asked)
        self.introduction = Introduction()
        self.sessions: dict[str, OpenSession] = {}
        self.is_retired = False
        self.opening = 0
        self._settings = settings
        self._child: ChildProcess | None = None

    @classmethod
    async def start(cls, settings: AcpSettings, folder: Path) -> AgentProcess:
        """
        Return when it has introduced itself.

        Args:
            settings: Of the plugin.
            folder: Where it runs, and where what it writes to standard error is kept.

        Raises:
            ProgramUnavailableError: It cannot be run.
            AnsweredError, ConnectionLostError, TimeoutError: It runs, and does not work.

        Cancelling: nothing of it is left.
        """
        made = cls(settings)
        await made._begin(_spec(settings, folder))
        return made

    async def _begin(self, spec: ChildSpec) -> None:
        self._child = await ChildProcess.start(spec, listener=self)
        try:
            result = await self.connection.call(
                "initialize",
                {
                    "protocolVersion": PROTOCOL_VERSION,
                    "clientCapabilities": _CAPABILITIES,
                    "clientInfo": {"name": "mycel-runtime", "title": "Mycel", "version": "1"},
                },
                within=self._settings.start_timeout,
            )
        except BaseException:
            await self.end()
            raise
        self.introduction = Introduction.from_result(result)

    def retire(self) -> None:
        """Begin no session any more."""
        self.is_retired = True

    @contextlib.contextmanager
    def opening_one(self) -> Iterator[None]:
        """For the time in which a session is opened."""
        self.opening += 1
        try:
            yield
        finally:
            self.opening -= 1

    @property
    def is_gone(self) -> bool:
        """Whether it has ended, or is being ended."""
        return self.connection.is_lost

    @property
    def is_open(self) -> bool:
        """Whether a session can be opened in it."""
        return not self.is_gone and not self.is_retired

    @property
    def is_running(self) -> bool:
        """Whether anything of it is left."""
        return self._child is not None and self._child.is_running

    async def processor_seconds(self) -> float:
        """
        Processor time of it and all that it has started; 0 before it runs.

        Cancelling: loses nothing.
        """
        return 0.0 if self._child is None else await self._child.processor_seconds()

    def end_soon(self) -> None:
        """End it and all that it has started; returns at once."""
        self.connection.lose()
        if self._child is not None:
            self._child.end_soon()

    async def end(self) -> None:
        """
        As `end_soon`, and return when nothing is left.

        Cancelling: the end goes on without us.
        """
        self.connection.lose()
        if self._child is not None:
            await self._child.end()

    # -- from its standard output ----------------------------------------------------------------------------------

    @override
    def data_received(self, data: bytes) -> None:
        self.connection.feed(data)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self.connection.lose()
        if self._child is not None:
            # Whoever has closed its standard output and runs on cannot be talked to.
            self._child.end_soon()

    def _write(self, data: bytes) -> None:
        if self._child is not None:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError, RuntimeError):
                self._child.stdin.write(data)

    def _notified(self, method: str, params: Params, is_cut: bool) -> None:  # noqa: FBT001 - as it is called back
        session = self._session_of(params)
        update = params.get("update")
        if method == "session/update" and session is not None and isinstance(update, dict):
            session.take_update(update, is_cut=is_cut)
        else:
            self.connection.counts["unknown_notification"] += 1

    def _asked(self, method: str, params: Params) -> Mapping[str, Any] | int:
        session = self._session_of(params)
        if method != "session/request_permission" or session is None:
            return METHOD_NOT_FOUND
        return session.answer_permission(params)

    def _session_of(self, params: Params) -> OpenSession | None:
        session_id = params.get("sessionId")
        return self.sessions.get(session_id) if isinstance(session_id, str) else None


def environment_of(settings: AcpSettings) -> dict[str, str]:
    """All variables of the agent's process."""
    variables = dict(settings.known.environment) | settings.environment
    passing = (*settings.known.pass_environment, *settings.pass_environment)
    return child_environment(os.environ, passing=passing, variables=variables)


def _spec(settings: AcpSettings, folder: Path) -> ChildSpec:
    return ChildSpec(
        command=(*settings.sandbox, *settings.program),
        folder=folder,
        environment=environment_of(settings),
        stderr_file=folder / "stderr.log",
    )


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
