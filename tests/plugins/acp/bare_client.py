"""
The least that speaks the Agent Client Protocol to an agent: what a plugin's own time is compared with, and what looks
at an agent without the plugin in between.

It refuses every permission, answers -32601 to all else that the agent asks, and gives standard error to a file.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

PROTOCOL_VERSION = 1

METHOD_NOT_FOUND = -32601

LINE_BYTES = 64 * 1024 * 1024


class AgentError(Exception):
    """The agent's answer to a request is an error."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(f"{error.get('code')}: {error.get('message')}")
        self.code = error.get("code")


@dataclass
class BareClient:
    """One agent's process. What it sends unasked is kept in order: `updates` are those of session/update."""

    process: asyncio.subprocess.Process
    updates: list[dict[str, Any]] = field(default_factory=list)
    asked: list[dict[str, Any]] = field(default_factory=list)
    odd: list[bytes] = field(default_factory=list)
    _waiting: dict[int, asyncio.Future[Any]] = field(default_factory=dict)
    _number: int = 0

    async def request(self, method: str, *, seconds: float = 120, **params: Any) -> Any:
        """Raises AgentError, TimeoutError, ConnectionError when the agent has ended."""
        self._number += 1
        number = self._number
        self._waiting[number] = asyncio.get_running_loop().create_future()
        self._send({"jsonrpc": "2.0", "id": number, "method": method, "params": params})
        try:
            return await asyncio.wait_for(self._waiting[number], seconds)
        finally:
            del self._waiting[number]

    def notify(self, method: str, **params: Any) -> None:
        self._send({"jsonrpc": "2.0", "method": method, "params": params})

    async def initialize(self, **options: Any) -> dict[str, Any]:
        capabilities = {"fs": {"readTextFile": False, "writeTextFile": False}, "terminal": False}
        return await self.request(
            "initialize",
            protocolVersion=PROTOCOL_VERSION,
            clientCapabilities=capabilities,
            **options,
        )

    async def new_session(self, cwd: str, **options: Any) -> dict[str, Any]:
        return await self.request("session/new", cwd=cwd, mcpServers=[], **options)

    async def load_session(self, session_id: str, cwd: str, **options: Any) -> Any:
        return await self.request("session/load", sessionId=session_id, cwd=cwd, mcpServers=[], **options)

    async def prompt(self, session_id: str, text: str, **options: Any) -> str:
        """The stop reason; the text is in `text(session_id)`."""
        blocks = [{"type": "text", "text": text}]
        answer = await self.request("session/prompt", sessionId=session_id, prompt=blocks, **options)
        return answer["stopReason"]

    def text(self, session_id: str) -> str:
        return "".join(
            update["update"]["content"].get("text", "")
            for update in self.updates
            if update["sessionId"] == session_id
            and update["update"]["sessionUpdate"] == "agent_message_chunk"
        )

    async def listen(self) -> None:
        """Until standard output ends."""
        while line := await self.process.stdout.readline():
            try:
                message = json.loads(line)
                self._receive(message)
            except (ValueError, KeyError, TypeError, AttributeError):
                self.odd.append(line)
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(ConnectionError("the agent has ended"))

    def _receive(self, message: dict[str, Any]) -> None:
        if message.get("method") == "session/update":
            self.updates.append(message["params"])
        elif "method" in message:
            self.asked.append(message)
            if "id" in message:
                self._answer(message)
        else:
            self._resolve(message)

    def _answer(self, message: dict[str, Any]) -> None:
        answer: dict[str, Any] = {"jsonrpc": "2.0", "id": message["id"]}
        if message["method"] == "session/request_permission":
            answer["result"] = {"outcome": {"outcome": "cancelled"}}
        else:
            answer["error"] = {"code": METHOD_NOT_FOUND, "message": "Method not found"}
        self._send(answer)

    def _resolve(self, message: dict[str, Any]) -> None:
        future = self._waiting.get(message["id"])
        if future is None or future.done():
            return
        if "error" in message:
            future.set_exception(AgentError(message["error"]))
        else:
            future.set_result(message["result"])

    def _send(self, message: dict[str, Any]) -> None:
        self.process.stdin.write(json.dumps(message).encode() + b"\n")


@asynccontextmanager
async def running(command, *, cwd, environment=None, errors=os.devnull):
    """The agent's process, in a process group of its own, which is killed in the end."""
    with open(errors, "ab") as stderr:  # noqa: ASYNC230, PTH123 - a local file
        process = await asyncio.create_subprocess_exec(
            *command,
            cwd=cwd,
            env=environment,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=stderr,
            start_new_session=True,
            limit=LINE_BYTES,
        )
    client = BareClient(process)
    try:
        async with asyncio.TaskGroup() as tasks:
            listening = tasks.create_task(client.listen(), name="listen")
            yield client
            listening.cancel()
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        # First: `wait` is not over before all who have the pipes' other ends have closed them.
        process._transport.close()
        await process.wait()
