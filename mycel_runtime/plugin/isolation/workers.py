"""
Runs handlers in processes of their own, and kills those at the deadline.

A process runs one delivery at a time and is kept for the next; one that was killed or died is replaced. A spinner, a
leak or an exit costs its own delivery only. What a burst needed is ended when it is needed no more: one process per
plugin stays.

Until a process has loaded its plugin no run begins: an import that takes longer than a handler may would be killed
with each run, and begun anew by the next one, until all are dead letters.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import secrets
from collections import defaultdict
from dataclasses import field
from typing import TYPE_CHECKING, Any, Final, TypeVar

from mycel_runtime.errors import (
    ApiError,
    ArgumentError,
    HandlerDiedError,
    HandlerRaisedError,
    PluginError,
    PluginImportError,
)
from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.observe.log_style import agent_at_work, styles
from mycel_runtime.plugin.answer_context import AnswerContext
from mycel_runtime.plugin.conversation import told
from mycel_runtime.plugin.event_context import subject_of
from mycel_runtime.plugin.hook_context import StartContext, StopContext
from mycel_runtime.plugin.isolation import messages as said
from mycel_runtime.plugin.isolation.description import require_described
from mycel_runtime.plugin.isolation.messages import ProtocolError, decode, encode
from mycel_runtime.plugin.isolation.port_calls import PortCalls
from mycel_runtime.plugin.isolation.process import END_SECONDS, NICER, start
from mycel_runtime.plugin.isolation.state import changes_from, state_said
from mycel_runtime.plugin.message_context import MessageContext
from mycel_runtime.plugin.outcome import Reject, Retry, Unavailable
from mycel_runtime.plugin.timer_context import TimerContext
from mycel_runtime.speech.interrupts import TurnEndedError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Iterator

    from pydantic import TypeAdapter

    from mycel_runtime.plugin.context import Context
    from mycel_runtime.plugin.handler import Handler
    from mycel_runtime.plugin.isolation.process import WorkerSpec
    from mycel_runtime.plugin.message import Message

M = TypeVar("M")

_LINE_BYTES: Final = 16 * 1024 * 1024

NICE_PATIENCE: Final = 10
"""
So much longer than at the start of the runtime may the import of a process take that is as nice as those here: beside
another that is always busy it gets a tenth of the time. Source: Linux, `sched(7)`; weights of niceness 0 and 10.
"""

IDLE_SECONDS: Final = 60.0
"""Without work, until a process that is not its plugin's only idle one is ended."""


class Worker:
    """A process of a plugin's own, and the line to it."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._process = process
        self._reader = reader
        self._writer = writer
        self._styled: said.Styled | None = None

    @property
    def pid(self) -> int:
        """Of the process that was started; the plugin's own is its child."""
        return self._process.pid

    def is_alive(self) -> bool:
        """Whether it can be given work. Its line ends before the loop has heard of its death."""
        return self._process.returncode is None and not self._reader.at_eof()

    async def tell(self, message: said.Message) -> None:
        """
        Say a line.

        Raises:
            HandlerDiedError: The process has ended.
        """
        try:
            self._writer.write(encode(message))
            await self._writer.drain()
        except ConnectionError:
            raise HandlerDiedError from None

    async def style(self, agent: str) -> None:
        """
        Say how its lines are to be written, unless it knows.

        Raises:
            HandlerDiedError: The process has ended.
        """
        style = styles.of(agent)
        wished = said.Styled(agent=agent, level=style.level, format=style.format)
        if wished != self._styled:
            self._styled = wished
            await self.tell(wished)

    async def hear(self, expected: TypeAdapter[M]) -> M:
        """
        The next line.

        Raises:
            HandlerDiedError: The process has ended.
            ProtocolError: It is none of what may come now.
        """
        try:
            line = await self._reader.readline()
        except ConnectionError:
            raise HandlerDiedError from None
        except ValueError:
            raise ProtocolError(
                f"a plugin's process has said a line of more than {_LINE_BYTES} bytes"
            ) from None
        if not line:
            raise HandlerDiedError
        return decode(line, expected)

    def end_nowait(self) -> None:
        """Ask for its end, with everything that it has started."""
        self._writer.close()
        if self._process.returncode is None:
            self._process.terminate()

    async def end(self) -> None:
        """End it, with everything that it has started."""
        self.end_nowait()
        try:
            async with asyncio.timeout(END_SECONDS):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()


@dataclass(slots=True)
class Loan:
    """
    A process for one run.

    Attributes:
        worker: The process.
        is_over: Whether its run has ended, so that it can be given another one.
    """

    worker: Worker
    is_over: bool = False

    async def run(self, handler: Handler, context: Context, *, note_late: Callable[[int], None]) -> None:
        """
        Run a handler in it.

        Args:
            handler: Whose description it has made.
            context: With what the handler is run.
            note_late: Told how often the process has used runs after their end, when the next one ends there. Of
                the last one of a process nobody is told.

        Raises:
            TurnEndedError, ApiError: As a send of the handler raised it.
            Retry, Reject, Unavailable: As the handler raised it.
            HandlerRaisedError, HandlerDiedError: It raised something else, or its process ended or made no sense.

        Cancelling: the process goes on; it is killed when it is given back.
        """
        with _making_sense():
            raised = await _converse(self.worker, handler, context, note_late)
        self.is_over = True
        if raised is not None:
            raise raised


@dataclass(slots=True)
class _Idle:
    """Processes of one plugin that wait for work; the last to come is the first to go."""

    workers: dict[Worker, asyncio.TimerHandle] = field(default_factory=dict)

    def put(self, worker: Worker) -> None:
        self.workers[worker] = asyncio.get_running_loop().call_later(IDLE_SECONDS, self._retire, worker)

    def take(self) -> Worker | None:
        if not self.workers:
            return None
        worker, timer = self.workers.popitem()
        timer.cancel()
        return worker

    def _retire(self, worker: Worker) -> None:
        if len(self.workers) > 1:
            del self.workers[worker]
            worker.end_nowait()


class Workers:
    """The processes of all isolated plugins of one identity."""

    def __init__(self) -> None:
        self._idle: defaultdict[str, _Idle] = defaultdict(_Idle)
        self._specs: dict[str, WorkerSpec] = {}

    @contextlib.asynccontextmanager
    async def lend(self, spec: WorkerSpec) -> AsyncIterator[Loan]:
        """
        A process that has loaded its plugin, for one run; afterwards it is kept for the next, or ended.

        Args:
            spec: What such a process loads.

        Raises:
            HandlerRaisedError: The plugin cannot be imported any more, or not in time.
            HandlerDiedError: The process ended meanwhile.

        Cancelling: kills the process.
        """
        idle = self._idle[spec.name]
        if self._specs.setdefault(spec.name, spec) is not spec:
            # Its settings were reloaded: whoever waits has the former ones.
            self._specs[spec.name] = spec
            await _end_all(idle)
        kept = await _take(idle)
        loan = Loan(kept or await _start())
        try:
            if kept is None:
                await _introduce(loan.worker, spec)
            yield loan
        finally:
            if loan.is_over and loan.worker.is_alive() and self._specs[spec.name] is spec:
                idle.put(loan.worker)
            else:
                await loan.worker.end()

    def idle(self, plugin: str) -> tuple[Worker, ...]:
        """Processes of a plugin that wait for work."""
        return tuple(self._idle[plugin].workers)

    async def close(self) -> None:
        """Kill what is idle; what runs is killed by its cancellation."""
        for idle in self._idle.values():
            await _end_all(idle)


async def _end_all(idle: _Idle) -> None:
    while worker := idle.take():
        await worker.end()


async def _take(idle: _Idle) -> Worker | None:
    """One that waits for work. What died meanwhile, by the kernel's hand for example, is no run's fault."""
    while worker := idle.take():
        if worker.is_alive():
            return worker
        await worker.end()
    return None


async def _start() -> Worker:
    starting = start(nicer=NICER)
    with starting.theirs:
        process = await asyncio.create_subprocess_exec(*starting.command, **starting.options)
    reader, writer = await asyncio.open_connection(sock=starting.ours, limit=_LINE_BYTES)
    return Worker(process, reader, writer)


async def _introduce(worker: Worker, spec: WorkerSpec) -> None:
    """Have it load its plugin. What it could describe when the runtime started may be broken by now."""
    seconds = spec.import_timeout * NICE_PATIENCE
    try:
        async with asyncio.timeout(seconds):
            with _making_sense():
                await worker.tell(spec.load)
                require_described(await worker.hear(said.DESCRIPTION))
    except PluginError as exc:
        raise HandlerRaisedError(type(exc).__name__, exc.where) from None
    except TimeoutError:
        trace = (
            f"plugin {spec.name!r} was not imported within {seconds:g} s: mend it, or raise import_timeout"
        )
        raise HandlerRaisedError(PluginImportError.__name__, trace) from None


@contextlib.contextmanager
def _making_sense() -> Iterator[None]:
    """Whatever a process says that it may not say now ends its run, and the process."""
    try:
        yield
    except ProtocolError as exc:
        raise HandlerRaisedError(type(exc).__name__, str(exc)) from None


async def _converse(
    worker: Worker, handler: Handler, context: Context, note_late: Callable[[int], None]
) -> BaseException | None:
    """
    One run; what it is to raise. Questions are answered on the runtime's side, with the runtime's guarantees.

    A line of another run is not answered, because nobody who keeps to the rules waits for it.
    """
    raised: BaseException | None = None
    run = secrets.token_hex(8)
    calls = PortCalls(context)
    await worker.style(agent_at_work())
    await worker.tell(_run(run, handler, context))
    while True:
        line = await worker.hear(said.SAID_IN_A_RUN)
        if line.run != run:
            continue
        if not isinstance(line, said.Question):
            note_late(line.late_calls)
            if isinstance(line, said.Returned):
                calls.take_effect(line.effects)
                context.run.take_changes(changes_from(line.changes, context.run.state))
            return _ending(line, raised)
        answer, its = await _answer(line, calls)
        raised = its or raised
        await worker.tell(answer)


async def _answer(question: said.Question, calls: PortCalls) -> tuple[said.Message, BaseException | None]:
    """The answer, and what the run is to raise if the handler lets it pass."""
    try:
        return said.Answered(value=await calls.call(question)), None
    except TurnEndedError as exc:
        return said.Stop(), exc
    except ApiError as exc:
        return said.Failed(error=type(exc).__name__, status=exc.status_code, detail=exc.detail), exc
    except ArgumentError as exc:
        # If the handler lets it pass, its process tells so, and where.
        return said.Mistaken(error=type(exc).__name__, problem=exc.problem, fix=exc.fix), None


def _ending(ending: said.Ending, raised: BaseException | None) -> BaseException | None:
    """What the run is to raise; `raised` is how the last question ended that ended badly."""
    if isinstance(raised, TurnEndedError):
        return raised
    match ending:
        case said.Returned():
            return None
        case said.RetryRaised():
            return Retry(ending.after, why=ending.why)
        case said.RejectRaised():
            return Reject(ending.why, is_told=ending.is_told)
        case said.UnavailableRaised():
            return Unavailable(ending.why, fix=ending.fix)
        case said.Raised():
            return (
                raised
                if raised and ending.is_api
                else HandlerRaisedError(ending.error, ending.trace, mistake=ending.mistake)
            )
        case said.Stopped():
            raise ProtocolError("a plugin's process has ended a run that nobody stopped")


def _run(run: str, handler: Handler, context: Context) -> said.Run:
    shown: dict[str, Any] = {
        "run": run,
        "handler": handler.id,
        "me": context.me,
        "attempt": context.attempt,
        "deadline": context.deadline,
        "state": state_said(context.run.state),
    }
    match context:
        case AnswerContext(question=question, meanwhile=meanwhile):
            asked = dataclasses.asdict(question) | {"asked_at": question.asked_at.timestamp()}
            return said.AnswerRun(
                question=said.AskedQuestion(**asked),
                meanwhile=_said_messages(meanwhile),
                **_chat_shown(context),
                **shown,
            )
        case MessageContext():
            return said.MessageRun(**_chat_shown(context), **shown)
        case TimerContext(name=name, key=key, data=data, due_at=due_at):
            return said.TimerRun(name=name, key=key, data=data, due_at=due_at.timestamp(), **shown)
        case StartContext():
            return said.HookRun(moment="start", **shown)
        case StopContext():
            return said.HookRun(moment="stop", **shown)
        case _:
            return said.FrameRun(
                event_type=context.event_type,
                metadata=dict(context.metadata),
                subject=subject_of(context),
                **shown,
            )


def _said_messages(messages: Iterable[Message]) -> tuple[said.ChatMessage, ...]:
    return tuple(said.ChatMessage(**told(message)) for message in messages)


def _chat_shown(context: MessageContext) -> dict[str, Any]:
    return {
        "chat_id": context.chat_id,
        "chat_type": context.chat_type,
        "messages": _said_messages(context.messages),
        "guard": said.GuardView(**dataclasses.asdict(context.guard)),
        "unsaid": context.unsaid,
        "failure": context.failure,
        "said": tuple(said.SaidReply(message_id=sent.message_id, seq=sent.seq) for sent in context.said),
    }
