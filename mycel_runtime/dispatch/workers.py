"""
Runs handlers in processes of their own (`isolation = "process"`), and kills those at the deadline.

A process runs one delivery at a time and is kept for the next; one that was killed or died is replaced. A spinner, a
leak or an exit costs its own delivery only.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import secrets
from typing import TYPE_CHECKING, Any, Final

from mycel_runtime.errors import ApiError, HandlerDiedError, HandlerRaisedError, PluginError
from mycel_runtime.plugin.context import MessageContext
from mycel_runtime.plugin.isolated import COMMAND, description_from, environment, kill_group, yield_to_us
from mycel_runtime.plugin.outcome import Reject, Retry
from mycel_runtime.speech.interrupts import TurnEndedError

if TYPE_CHECKING:
    from mycel_runtime.plugin.context import FrameContext
    from mycel_runtime.plugin.isolated import WorkerSpec
    from mycel_runtime.plugin.message import Message
    from mycel_runtime.plugin.plugin import Handler

_LINE_BYTES: Final = 16 * 1024 * 1024


class Workers:
    """The processes of all isolated plugins of one identity."""

    def __init__(self) -> None:
        self._idle: dict[str, list[asyncio.subprocess.Process]] = {}

    async def run(self, spec: WorkerSpec, handler: Handler, context: MessageContext | FrameContext) -> None:
        """
        Run a handler in a process of its plugin.

        Raises:
            TurnEndedError, ApiError: As a send of the handler raised it.
            Retry, Reject: As the handler raised it.
            HandlerRaisedError, HandlerDiedError: It raised something else, or its process ended.

        Cancelling: kills the process.
        """
        idle, is_reusable = self._idle.setdefault(spec.name, []), False
        kept = await _take(idle)
        process = kept or await _start()
        try:
            if kept is None:
                await _introduce(process, spec)
            raised = await _converse(process, handler, context)
            is_reusable = True
        finally:
            if is_reusable and process.returncode is None:
                idle.append(process)
            else:
                await _kill(process)
        if raised is not None:
            raise raised

    async def close(self) -> None:
        """Kill what is idle; what runs is killed by its cancellation."""
        for processes in self._idle.values():
            while processes:
                await _kill(processes.pop())


async def _take(idle: list[asyncio.subprocess.Process]) -> asyncio.subprocess.Process | None:
    """One that waits for work. What died meanwhile, by the kernel's hand for example, is no run's fault."""
    while idle:
        process = idle.pop()
        if _is_alive(process):
            return process
        await _kill(process)
    return None


async def _start() -> asyncio.subprocess.Process:
    process = await asyncio.create_subprocess_exec(
        *COMMAND,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=_LINE_BYTES,
        start_new_session=True,
        env=environment(),
    )
    yield_to_us(process.pid)
    return process


async def _introduce(process: asyncio.subprocess.Process, spec: WorkerSpec) -> None:
    """Have it load its plugin. What it could describe when the runtime started may be broken by now."""
    assert process.stdin is not None
    try:
        process.stdin.write(spec.first_line)
        await process.stdin.drain()
        description_from(await _read(process))
    except ConnectionError:
        raise HandlerDiedError from None
    except PluginError as exc:
        raise HandlerRaisedError(type(exc).__name__, exc.where) from None


def _is_alive(process: asyncio.subprocess.Process) -> bool:
    """Its output ends before the loop has heard of its death."""
    assert process.stdout is not None
    return process.returncode is None and not process.stdout.at_eof()


async def _kill(process: asyncio.subprocess.Process) -> None:
    """With everything that it has started."""
    kill_group(process.pid)
    if process.stdin is not None:
        process.stdin.close()
    await process.wait()


async def _converse(
    process: asyncio.subprocess.Process, handler: Handler, context: MessageContext | FrameContext
) -> BaseException | None:
    """
    One run; what it is to raise. Calls are made here, on the runtime's side, with the runtime's guarantees.

    The run has a name that nobody can guess, and only what bears it is heard: what another run of the same process
    has left behind must not speak in this one's chat.
    """
    raised: BaseException | None = None
    run = secrets.token_hex(8)
    try:
        await _write(process, {"run": run, **_run(handler, context)})
        while "ended" not in (said := await _read(process, run)):
            try:
                answer = {"value": await _call(context, said["call"], said["arguments"])}
            except TurnEndedError as exc:
                raised, answer = exc, {"stop": True}
            except ApiError as exc:
                raised = exc
                answer = {"error": type(exc).__name__, "status": exc.status_code, "detail": exc.detail}
            await _write(process, answer)
    except ConnectionError:
        raise HandlerDiedError from None
    return _ending(said, raised)


def _ending(said: dict[str, Any], raised: BaseException | None) -> BaseException | None:
    if isinstance(raised, TurnEndedError):
        return raised
    match said["ended"]:
        case "returned":
            return None
        case "retry":
            return _retry(said["after"])
        case "reject":
            return Reject(said["why"])
        case "raised" if said["is_api"] and raised is not None:
            return raised
        case _:
            return HandlerRaisedError(str(said.get("type")), str(said.get("trace")))


def _retry(after: Any) -> BaseException:
    """A plugin's process says what it likes."""
    try:
        return Retry(after)
    except (TypeError, ValueError) as exc:
        return HandlerRaisedError(type(exc).__name__, "")


async def _call(context: MessageContext | FrameContext, method: str, arguments: dict[str, Any]) -> Any:
    assert isinstance(context, MessageContext)
    match method:
        case "reply":
            sent = await context.reply(arguments["text"], mentions=arguments["mentions"])
            return dataclasses.asdict(sent)
        case "history":
            return [_message(message) for message in await context.history(arguments["limit"])]
        case _:
            return await context.members()


def _run(handler: Handler, context: MessageContext | FrameContext) -> dict[str, Any]:
    run: dict[str, Any] = {
        "handler": handler.id,
        "me": context.me,
        "attempt": context.attempt,
        "seconds": context.deadline - asyncio.get_running_loop().time(),
    }
    if isinstance(context, MessageContext):
        return run | {
            "chat_id": context.chat_id,
            "chat_type": context.chat_type,
            "messages": [_message(message) for message in context.messages],
            "guard": dataclasses.asdict(context.guard),
        }
    return run | {"event_type": context.event_type, "metadata": dict(context.metadata)}


def _message(message: Message) -> dict[str, Any]:
    return {"raw": dict(message.raw), "sender_type": message.sender.type}


async def _write(process: asyncio.subprocess.Process, value: dict[str, Any]) -> None:
    assert process.stdin is not None
    process.stdin.write(json.dumps(value).encode() + b"\n")
    await process.stdin.drain()


async def _read(process: asyncio.subprocess.Process, run: str | None = None) -> dict[str, Any]:
    """The next line of this run; others are not answered, because nobody who keeps to the rules waits for it."""
    assert process.stdout is not None
    while line := await process.stdout.readline():
        said = json.loads(line)
        assert isinstance(said, dict)
        if said.get("run") == run:
            return said
    raise HandlerDiedError
