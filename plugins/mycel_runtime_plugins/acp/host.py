"""
An agent's processes and sessions, as many as are needed and no more: the only place that starts and ends them.

What is open here outlives the handlers' runs, and is known to nobody after a restart; what has to be known then is a
chat's hint.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mycel_runtime_plugins.acp.agent_process import AgentProcess
from mycel_runtime_plugins.acp.connection import AnsweredError, ConnectionLostError
from mycel_runtime_plugins.acp.last_word import LastWord
from mycel_runtime_plugins.acp.session import Session
from mycel_runtime_plugins.acp.session_mode import mode_request, offered_modes
from mycel_runtime_plugins.acp.session_tools import SessionTools

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from structlog.stdlib import BoundLogger

    from mycel_runtime import ToolServer
    from mycel_runtime_plugins.acp.hint import Hint
    from mycel_runtime_plugins.acp.settings import AcpSettings

_FOLDER_MODE: Final = 0o700

_TOOLS: Final = "tools"
"""Folder of the names of runs that go on."""


class UnknownModeError(RuntimeError):
    """
    The agent does not offer the mode that the settings name.

    Args:
        mode: That one.
        offered: Ids of those that it offers.
    """

    def __init__(self, mode: str, offered: list[str]) -> None:
        self.mode, self.offered = mode, offered
        super().__init__(f"the agent offers no mode {mode!r}")

    @property
    def fix(self) -> str:
        """What to do."""
        return f"Set mode in [plugins.acp] to one of: {', '.join(self.offered) or 'none are offered'}"


class AgentHost:
    """
    Of one identity.

    Args:
        settings: Of the plugin.
        me: The identity.

    Attributes:
        sessions: Those that are open, by chat.
        stopped: Chats whose last turn was cancelled.
    """

    def __init__(self, settings: AcpSettings, me: str) -> None:
        self.settings = settings
        self.sessions: dict[str, Session] = {}
        self.stopped: set[str] = set()
        self._folder = _root_folder(settings) / path_name(me)
        self._processes: list[AgentProcess] = []
        self._starting = asyncio.Lock()
        self._is_closed = False
        self._slots = asyncio.Semaphore(settings.sessions)

    # -- processes -------------------------------------------------------------------------------------------------

    async def process(self) -> AgentProcess:
        """
        One in which a session can be opened; it is started if there is none.

        Raises:
            ProgramUnavailableError, AnsweredError, ConnectionLostError, TimeoutError: As of `AgentProcess.start`.

        Cancelling: none is left half started.
        """
        async with self._starting:
            await self._bury()
            for process in self._processes:
                if process.is_open and len(process.sessions) + process.opening < self._most_sessions:
                    return process
            folder = await asyncio.to_thread(_made_folder, self._folder / "process")
            if self._is_closed:
                raise ConnectionLostError("the plugin is being stopped")
            made = await AgentProcess.start(self.settings, folder)
            self._processes.append(made)
            return made

    async def _bury(self) -> None:
        """Let go of those that have ended; what is still ending is kept, for `close` to wait for."""
        for process in [each for each in self._processes if each.is_gone and not each.is_running]:
            await process.end()
            self._processes.remove(process)

    @property
    def _most_sessions(self) -> int:
        return self.settings.known.sessions_per_process or self.settings.sessions

    def drop(self, session: Session) -> None:
        """Never use it again. A process that does not end its turn ends when nobody else is in a turn there."""
        self._forget(session)
        process = session.process
        if session.is_busy:
            process.retire()
        else:
            self._close(session)
        self._end_if_idle(process)

    def retire(self, session: Session) -> None:
        """It has not ended its turn in time."""
        if session.is_busy:
            self.drop(session)

    def _forget(self, session: Session) -> None:
        for chat_id, each in list(self.sessions.items()):
            if each is session:
                del self.sessions[chat_id]
        session.keep()

    def _close(self, session: Session) -> None:
        process = session.process
        process.sessions.pop(session.id, None)
        if process.introduction.closes and not process.is_gone:
            # Nobody waits for the answer: an agent that cannot close it has it open, and nothing follows from that.
            process.connection.request("session/close", {"sessionId": session.id})

    def _end_if_idle(self, process: AgentProcess) -> None:
        """A retired process whose other turns are over; and one without any session."""
        others = [each for each in self.sessions.values() if each.process is process]
        if process.is_retired and not any(each.is_busy for each in others):
            for each in others:
                self._forget(each)
            process.end_soon()

    async def close(self) -> None:
        """
        End everything, and return when nothing is left.

        Cancelling: the end goes on without us.
        """
        self._is_closed = True
        for session in list(self.sessions.values()):
            session.cancel()
            self._forget(session)
        for process in self._processes:
            process.end_soon()
        # One that is just being started is one of them when that is over.
        async with self._starting:
            for process in self._processes:
                await process.end()

    async def sweep(self) -> None:
        """
        Let go of the names of runs that a killed process has left.

        Cancelling: the rest is swept another time.
        """
        await asyncio.to_thread(shutil.rmtree, self._folder / _TOOLS, ignore_errors=True)

    def last_word(self, chat_id: str) -> LastWord | None:
        """By which the chat's turn was answered; `None`: without tools each reply is that."""
        return LastWord(self._folder / "words" / path_name(chat_id)) if self.settings.tools else None

    # -- sessions --------------------------------------------------------------------------------------------------

    @contextlib.asynccontextmanager
    async def turn(self, chat_id: str) -> AsyncIterator[None]:
        """For the time of a chat's turn: at most as many at once as there may be sessions."""
        async with self._slots:
            if (session := self.sessions.get(chat_id)) is not None:
                session.keep()
            try:
                yield
            finally:
                self._rest(chat_id)

    def _rest(self, chat_id: str) -> None:
        """The chat's turn is over: its session is closed when nothing more comes."""
        if (session := self.sessions.get(chat_id)) is None:
            return
        session.end_turn()
        if session.is_busy:
            session.close_after(self.settings.cancel_grace, self.retire)
        else:
            session.close_after(self.settings.idle_timeout, self._close_idle)
        for process in self._processes:
            self._end_if_idle(process)

    def _close_idle(self, session: Session) -> None:
        self.drop(session)
        process = session.process
        is_needed = process.opening or any(each.process is process for each in self.sessions.values())
        if not is_needed and not self._starting.locked():
            process.end_soon()

    async def present(self, chat_id: str) -> Session | None:
        """
        The chat's open session, if it can be used.

        Cancelling: loses nothing.
        """
        session = self.sessions.get(chat_id)
        if session is None:
            return None
        if not await session.wait_settled(self.settings.cancel_grace) or session.is_cut_off:
            self.drop(session)
            return None
        if session.process.is_gone:
            self._forget(session)
            return None
        return session

    async def open(
        self, chat_id: str, hint: Hint | None, log: BoundLogger, server: ToolServer | None = None
    ) -> Session:
        """
        A session for a chat: the one of the hint, if it can be loaded and proves to be the same, or a new one.

        Args:
            chat_id: The chat.
            hint: What is remembered of its session.
            log: Of the run.
            server: Mycel as tools, as of the run; `None`: it gets none.

        Raises:
            UnknownModeError: The settings name a mode that there is not.
            ProgramUnavailableError, AnsweredError, ConnectionLostError, TimeoutError: There is none to be had.

        Cancelling: the agent may have opened one that nobody uses.
        """
        self._make_room()
        folder = str(await asyncio.to_thread(_made_folder, self._folder / path_name(chat_id)))
        process = await self.process()
        tools = None if server is None else SessionTools(server, self._folder / _TOOLS)
        with process.opening_one():
            session = None
            if hint is not None and self._is_loadable(hint, process, folder):
                session = await self._loaded(hint, process, log, tools)
            if session is None:
                session = await self._new(process, folder, log, tools)
            self.sessions[chat_id] = session
        return session

    def _make_room(self) -> None:
        """The session that was quiet for longest gives way."""
        idle = sorted(
            (each for each in self.sessions.values() if not each.is_busy and each.timer is not None),
            key=lambda each: each.last_heard,
        )
        for session in idle[: max(len(self.sessions) - self.settings.sessions + 1, 0)]:
            self.drop(session)

    def _is_loadable(self, hint: Hint, process: AgentProcess, folder: str) -> bool:
        return (
            process.introduction.loads
            and self.settings.known.loads
            and hint.folder == folder
            and hint.agent == str(process.introduction)
        )

    async def _loaded(
        self, hint: Hint, process: AgentProcess, log: BoundLogger, tools: SessionTools | None
    ) -> Session | None:
        """
        The session of a hint; `None`: it cannot be loaded, or has shown nothing of what it was told.

        Some agents load whatever id they are given, as a new session; and some send what is old only after they
        have said that it is loaded.
        """
        session = Session(
            hint.session_id, process, hint.folder, self.settings.allow, shown_seq=hint.shown_seq, tools=tools
        )
        process.sessions[session.id] = session
        try:
            result = await process.connection.call(
                "session/load",
                {"sessionId": hint.session_id, "cwd": hint.folder, "mcpServers": _servers(tools)},
                within=self.settings.load_timeout,
            )
        except (AnsweredError, TimeoutError) as exc:
            log.info("acp.session_not_loaded", error=type(exc).__name__, code=getattr(exc, "code", 0))
            process.sessions.pop(session.id, None)
            return None
        if not self.settings.known.replays_before:
            await session.wait_quiet(self.settings.load_quiet)
        if not session.updates:
            log.info("acp.session_not_proven")
            self._close(session)
            return None
        session.note_loaded(hint.reply_seq)
        await self._set_mode(session, result, log)
        return session

    async def _new(
        self, process: AgentProcess, folder: str, log: BoundLogger, tools: SessionTools | None
    ) -> Session:
        params = {"cwd": folder, "mcpServers": _servers(tools)}
        result = await process.connection.call("session/new", params, within=self.settings.start_timeout)
        session_id = result.get("sessionId") if isinstance(result, dict) else None
        if not isinstance(session_id, str):
            raise AnsweredError("session/new", 0)
        session = Session(session_id, process, folder, self.settings.allow, tools=tools)
        process.sessions[session_id] = session
        await self._set_mode(session, result, log)
        return session

    async def _set_mode(self, session: Session, result: Any, log: BoundLogger) -> None:
        """Explicitly: some agents ask nothing in the mode that they begin in."""
        mode = self.settings.known.mode if self.settings.mode is None else self.settings.mode
        if not mode:
            return
        offered = offered_modes(result)
        if mode in offered:
            method, params = mode_request(result, mode)
            await session.process.connection.call(
                method, {"sessionId": session.id, **params}, within=self.settings.start_timeout
            )
        elif self.settings.mode is None:
            log.warning("acp.mode_unknown", mode=mode, offered=offered)
        else:
            self._close(session)
            raise UnknownModeError(mode, offered)


def _servers(tools: SessionTools | None) -> list[dict[str, Any]]:
    return [] if tools is None else [tools.entry]


def path_name(identifier: str) -> str:
    """
    A name of a folder that belongs to an id and to no other, whatever its characters are.

    Args:
        identifier: Of a chat, or a user.
    """
    readable = re.sub(r"[^A-Za-z0-9-]", "", identifier)[:40]
    return f"{readable}-{hashlib.sha256(identifier.encode(errors='surrogatepass')).hexdigest()[:12]}"


def _root_folder(settings: AcpSettings) -> Path:
    if settings.folder is not None:
        return settings.folder
    given = os.environ.get("STATE_DIRECTORY", "").split(":")[0]
    if given:
        return Path(given) / "acp"
    state = os.environ.get("XDG_STATE_HOME", "")
    home = Path(state) if state.startswith("/") else Path.home() / ".local" / "state"
    return home / "mycel-runtime" / "acp"


def _made_folder(folder: Path) -> Path:
    folder.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
    return folder.resolve()
