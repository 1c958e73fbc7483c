"""
An agent that speaks the Agent Client Protocol over standard input and output, and does whatever a test has written.

    python fake_agent.py [--wrapped] FOLDER

Made with the protocol's own library, so that what it says without being told to is what agents say. Its faults are
those that genuine agents have; `agent_script.py` lists them.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
import uuid
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import acp
from acp import schema

# Run by its path: this folder is where it looks for modules.
from agent_script import NEEDS_LOGIN, ScriptedAgent, Step, Turn

LIFETIME_SECONDS = 300
"""An agent that a failing test leaves behind ends by itself, by SIGALRM, whatever it ignores."""

INTERNAL_ERROR = -32603
UNKNOWN_SESSION = -32002


@dataclass
class Session:
    """One conversation. `lines` are its old texts, who said each and what, and outlive the process."""

    id: str
    folder: str
    mode: str
    lines: list[tuple[str, str]] = field(default_factory=list)
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)
    replayed: asyncio.Event = field(default_factory=asyncio.Event)
    replaying: bool = False
    calls: asyncio.Queue | None = None
    """Of tools of its first server of the Model Context Protocol, if it has any: name, arguments, future result."""
    joined: str = ""
    """The text of prompts that were merged into the one that is running."""


class TurnStoppedError(Exception):
    """The turn ends with this stop reason."""


class FakeAgent(acp.Agent):
    def __init__(self, scripted, tasks, writer, reader):
        self._scripted = scripted
        self._tasks = tasks
        self._writer = writer
        self._reader = reader
        self._sessions: dict[str, Session] = {}
        self._loads = 0
        self._client = None

    @property
    def script(self):
        return self._scripted.script()

    def on_connect(self, conn):
        self._client = conn

    # Sessions

    async def initialize(self, protocol_version, **_):
        script = self.script
        self._scripted.note("initialize", protocol=protocol_version)
        await asyncio.sleep(script.start_seconds)
        closing = schema.SessionCloseCapabilities() if script.closes else None
        return schema.InitializeResponse(
            protocol_version=script.protocol,
            agent_capabilities=schema.AgentCapabilities(
                load_session=script.loads != "none",
                prompt_capabilities=schema.PromptCapabilities(embedded_context=True),
                session_capabilities=schema.SessionCapabilities(close=closing),
            ),
            agent_info=schema.Implementation(name=script.name, version=script.version),
        )

    async def new_session(self, cwd, mcp_servers=(), **_):
        script = self.script
        if script.login == "needed_by_new":
            raise acp.RequestError(NEEDS_LOGIN, "Authentication required")
        session = self._open(_session_id(script, cwd), cwd, mcp_servers)
        self._scripted.note("new", session=session.id, cwd=cwd, servers=_told(mcp_servers))
        return schema.NewSessionResponse(session_id=session.id, modes=_modes(script, session))

    async def load_session(self, cwd, session_id, mcp_servers=(), **_):
        script = self.script
        self._scripted.note("load", session=session_id, cwd=cwd)
        self._loads += 1
        await asyncio.sleep(script.load_seconds)
        file = self._scripted.session_file(session_id)
        if script.loads == "never" or (script.loads == "not_at_first" and self._loads == 1):
            raise acp.RequestError(INTERNAL_ERROR, "Internal error")
        if script.loads != "any" and not file.exists():
            raise acp.RequestError(UNKNOWN_SESSION, f"Resource not found: {session_id}")
        session = self._open(session_id, cwd, mcp_servers)
        if script.replay == "before":
            await self._replay(session)
        elif script.replay == "after":
            session.replaying = True
            session.replayed.clear()
            self._tasks.create_task(self._replay_late(session, script.replay_seconds), name="replay")
        return schema.LoadSessionResponse(modes=_modes(script, session))

    async def set_session_mode(self, session_id, mode_id, **_):
        self._scripted.note("mode", session=session_id, mode=mode_id)
        if mode_id not in self.script.modes:
            raise acp.RequestError.invalid_params({"mode": mode_id})
        self._sessions[session_id].mode = mode_id
        return schema.SetSessionModeResponse()

    async def close_session(self, session_id, **_):
        self._scripted.note("close", session=session_id)
        self._sessions.pop(session_id, None)
        return schema.CloseSessionResponse()

    def _open(self, session_id, cwd, servers):
        file = self._scripted.session_file(session_id)
        lines = json.loads(file.read_text()) if file.exists() else []
        if session_id not in self._sessions:
            mode = self.script.modes[0] if self.script.modes else ""
            self._sessions[session_id] = Session(session_id, cwd, mode, [tuple(line) for line in lines])
            self._keep(self._sessions[session_id])
        if servers:
            self._sessions[session_id].calls = calls = asyncio.Queue()
            self._tasks.create_task(_serve_tools(servers[0], calls), name="tools")
        return self._sessions[session_id]

    def _keep(self, session):
        file = self._scripted.session_file(session.id)
        file.parent.mkdir(exist_ok=True)
        file.write_text(json.dumps(session.lines))

    async def _replay_late(self, session, seconds):
        await asyncio.sleep(seconds)
        await self._replay(session)

    async def _replay(self, session):
        for who, text in session.lines:
            kind = schema.AgentMessageChunk if who == "agent" else schema.UserMessageChunk
            await self.update(session, _chunk(kind, text, self.message_id(session)))
        session.replayed.set()

    # Turns

    async def prompt(self, session_id, prompt, **_):
        text = "".join(getattr(block, "text", "") for block in prompt)
        blocks = [block.model_dump(mode="json", by_alias=True, exclude_none=True) for block in prompt]
        self._scripted.note("prompt", session=session_id, text=text, blocks=blocks)
        script = self.script
        if script.login == "needed_by_prompt":
            raise acp.RequestError(NEEDS_LOGIN, "Authentication required")
        session = self._sessions.get(session_id)
        if session is None:
            raise acp.RequestError(UNKNOWN_SESSION, f"Resource not found: {session_id}")
        async with self._turn(session, text, script.second_prompt):
            return await self._answer(session, text)

    @asynccontextmanager
    async def _turn(self, session, text, second_prompt):
        """Waits, or does not, until it is this prompt's turn."""
        if session.turn.locked():
            await self._second(session, text, second_prompt)
        if second_prompt == "mixed":
            yield
            return
        async with session.turn:
            session.cancelled.clear()
            yield

    async def _second(self, session, text, second_prompt):
        if second_prompt == "refused":
            raise acp.RequestError(INTERNAL_ERROR, "A prompt is already in progress")
        if second_prompt == "merged":
            session.joined += text
            await asyncio.Event().wait()
        if second_prompt == "cancels":
            session.cancelled.set()

    async def _answer(self, session, text):
        if session.replaying:
            await session.replayed.wait()
        rule, turn = self._rule(text)
        self._scripted.note("turn", session=session.id, rule=rule)
        session.lines.append(("user", text))
        try:
            for step in turn.steps:
                await self._heed_cancel(session)
                await self._do(step, session, text + session.joined)
            reason = "end_turn"
        except TurnStoppedError as stopped:
            reason = str(stopped)
        self._keep(session)
        # Not checked: a stop reason that does not exist is one of the faults.
        return schema.PromptResponse.model_construct(stop_reason=reason)

    async def _heed_cancel(self, session):
        if not session.cancelled.is_set():
            return
        if self.script.cancel == "late":
            await self._say(Step(do="say"), session, "half a sen")
        raise TurnStoppedError("cancelled")

    def _rule(self, text):
        used = [line["rule"] for line in self._scripted.record("turn")]
        for number, turn in enumerate(self.script.turns):
            if turn.when in text and (turn.times is None or used.count(number) < turn.times):
                return number, turn
        return len(self.script.turns), Turn()

    async def cancel(self, session_id, **_):
        self._scripted.note("cancel", session=session_id)
        session = self._sessions.get(session_id)
        if session is not None and self.script.cancel != "ignored":
            session.cancelled.set()

    # Steps

    async def _do(self, step, session, text):
        lines = text.strip().splitlines()
        words = {"text": text, "last": lines[-1] if lines else "", "session": session.id}
        words["turn"] = str(sum(who == "user" for who, _ in session.lines))
        said = step.text
        for word, value in words.items():
            said = said.replace(f"{{{word}}}", value)
        await getattr(self, f"_{step.do}")(step, session, said)

    async def _say(self, step, session, text):
        message_id = step.message_id or self.message_id(session)
        for _ in range(step.count):
            session.lines.append(("agent", text))
            await self.update(session, _chunk(schema.AgentMessageChunk, text, message_id))

    async def _notice(self, step, session, text):
        await self.update(session, _chunk(schema.AgentMessageChunk, text, step.message_id))

    async def _think(self, step, session, text):
        await self.update(session, _chunk(schema.AgentThoughtChunk, text, self.message_id(session)))

    async def _fill(self, step, session, text):
        await self._say(Step(do="say"), session, "x" * step.count)

    async def _raw(self, step, session, text):
        self._writer.write(text.encode().replace(b"{ff}", b"\xff") + b"\n")
        await self._writer.drain()

    async def _plan(self, step, session, text):
        await self.update(session, acp.update_plan([acp.plan_entry(text)]))

    async def _tool(self, step, session, text):
        await self._run_tool(step, session, is_allowed=True)

    async def _ask(self, step, session, text):
        call = schema.ToolCallUpdate(
            tool_call_id="call-1",
            kind=step.kind,
            title=text or step.kind,
            locations=_locations(step),
            raw_input={"command": text},
        )
        options = [
            schema.PermissionOption(option_id=f"option-{kind}", name=kind, kind=kind)
            for kind in ("allow_once", "allow_always", "reject_once", "reject_always")
        ]
        try:
            answer = await self._client.request_permission(session.id, call, options)
        except acp.RequestError as error:
            self._scripted.note("permission", session=session.id, answer=None, error=error.code)
            await self._run_tool(step, session, is_allowed=False)
            return
        outcome = answer.outcome.model_dump(mode="json", by_alias=True, exclude_none=True)
        self._scripted.note("permission", session=session.id, answer=outcome)
        is_allowed = outcome.get("optionId", "").startswith("option-allow")
        await self._run_tool(step, session, is_allowed=is_allowed)

    async def _run_tool(self, step, session, *, is_allowed):
        await self.update(
            session,
            acp.start_tool_call("call-1", step.text or step.kind, kind=step.kind, locations=_locations(step)),
        )
        if is_allowed and step.kind == "edit" and step.path:
            (Path(session.folder) / step.path).write_text("edited")
        status = "completed" if is_allowed else "failed"
        await self.update(session, acp.update_tool_call("call-1", status=status))

    async def _write(self, step, session, text):
        (Path(session.folder) / step.path).write_text(text)

    async def _read_file(self, step, session, text):
        await self._ask_client(session, self._client.read_text_file(session_id=session.id, path=step.path))

    async def _terminal(self, step, session, text):
        await self._ask_client(session, self._client.create_terminal(session_id=session.id, command=text))

    async def _vendor(self, step, session, text):
        await self._ask_client(session, self._client.ext_method(text, {}))

    async def _ask_client(self, session, request):
        try:
            answer = await request
        except acp.RequestError as error:
            self._scripted.note("answered", session=session.id, error=error.code)
        else:
            self._scripted.note("answered", session=session.id, answer=str(answer))

    async def _use(self, step, session, text):
        await self._call_tool(step.tool, session, text)

    async def _use_later(self, step, session, text):
        """When the turn is over."""
        self._tasks.create_task(self._use_then(step, session, text), name="use later")

    async def _use_then(self, step, session, text):
        await asyncio.sleep(step.seconds)
        await self._call_tool(step.tool, session, text)

    async def _call_tool(self, name, session, text):
        answer = asyncio.get_running_loop().create_future()
        await session.calls.put((name, text, answer))
        result = await answer
        told = "".join(block.text for block in result.content)
        self._scripted.note("used", session=session.id, error=bool(result.is_error), told=told)

    async def _silence(self, step, session, text):
        with suppress(TimeoutError):
            await asyncio.wait_for(session.cancelled.wait(), step.seconds)
        await self._heed_cancel(session)

    async def _wait_for(self, step, session, text):
        while not self._has_prompt(session, text):  # noqa: ASYNC110 - other processes may write the record, too
            await asyncio.sleep(0.01)
        await self._heed_cancel(session)

    def _has_prompt(self, session, text):
        prompts = self._scripted.record("prompt")
        return any(line["session"] == session.id and text in line["text"] for line in prompts)

    async def _work(self, step, session, text):
        end = time.monotonic() + step.seconds
        while time.monotonic() < end:
            sum(range(10_000))
            await asyncio.sleep(0)

    async def _chatter(self, step, session, text):
        _chatter(step.count)

    async def _child(self, step, session, text):
        self._start(step, new_session=False)

    async def _orphan(self, step, session, text):
        self._start(step, new_session=True)

    def _start(self, step, *, new_session):
        """With the agent's own standard output and error, as a careless agent's tools have."""
        program = ["sleep", str(step.seconds or 60)]
        child = subprocess.Popen(program, stdin=subprocess.DEVNULL, start_new_session=new_session)
        self._scripted.note("child", child=child.pid)

    async def _exit(self, step, session, text):
        os._exit(step.code)

    async def _kill(self, step, session, text):
        os.kill(os.getpid(), signal.SIGKILL)

    async def _deaf(self, step, session, text):
        asyncio.get_running_loop().remove_reader(sys.stdin.fileno())

    async def _fail(self, step, session, text):
        raise acp.RequestError(step.code, text)

    async def _stop(self, step, session, text):
        raise TurnStoppedError(text)

    async def update(self, session, update):
        await self._client.session_update(session.id, update)

    def message_id(self, session):
        return f"{session.id}-{len(session.lines)}" if self.script.message_ids else None


async def _serve_tools(server, calls):
    """As agents do: the server is started with the session, and serves all of its turns."""
    # Only where they are used: an import of half a second.
    from mcp import StdioServerParameters  # noqa: PLC0415 - see above
    from mcp.client import Client  # noqa: PLC0415 - likewise
    from mcp.client.stdio import stdio_client  # noqa: PLC0415 - likewise

    environment = {each.name: each.value for each in server.env}
    started = StdioServerParameters(command=server.command, args=server.args, env=environment)
    async with Client(stdio_client(started)) as client:
        while True:
            name, text, answer = await calls.get()
            here = {"chat_id": environment["MYCEL_TOOLS_CHAT"], "text": text}
            answer.set_result(await client.call_tool(name, here))


def _told(servers):
    return [server.model_dump(mode="json", by_alias=True, exclude_none=True) for server in servers or ()]


def _session_id(script, cwd):
    if script.sessions == "by_folder":
        return hashlib.sha256(cwd.encode()).hexdigest()[:16]
    return uuid.uuid4().hex


def _modes(script, session):
    if not script.modes:
        return None
    modes = [schema.SessionMode(id=mode, name=mode.title()) for mode in script.modes]
    return schema.SessionModeState(current_mode_id=session.mode, available_modes=modes)


def _chunk(kind, text, message_id):
    return kind(
        session_update=kind.model_fields["session_update"].annotation.__args__[0],
        content=acp.text_block(text),
        message_id=message_id,
    )


def _locations(step):
    return [schema.ToolCallLocation(path=step.path)] if step.path else None


def _chatter(count):
    """Blocks where nobody reads, as a program that logs a lot does."""
    line = b"chatter " * 12 + b"\n"
    left = count
    while left > 0:
        left -= os.write(2, line[:left])


async def serve(scripted):
    script = scripted.script()
    if script.sigterm == "ignored":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    scripted.note("started", cwd=str(Path.cwd()), arguments=sys.argv[1:])
    _chatter(script.chatter_bytes)
    if not script.reads:
        await asyncio.Event().wait()
    reader, writer = await acp.stdio_streams()
    async with asyncio.TaskGroup() as tasks:
        agent = FakeAgent(scripted, tasks, writer, reader)
        await acp.run_agent(agent, writer, reader, use_unstable_protocol=True)
    scripted.note("ended")
    if scripted.script().input_ends == "stays":
        await asyncio.Event().wait()


def main(arguments):
    signal.alarm(LIFETIME_SECONDS)
    if arguments[0] == "--wrapped":
        return subprocess.run([sys.executable, __file__, arguments[1]], check=False).returncode
    asyncio.run(serve(ScriptedAgent(Path(arguments[0]))))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
