"""
Running deliveries, as the tools of the agents that answer them reach them.

A handler that lets an agent work hands it a name of its run (`ctx.tools`), which nobody can guess. A tool that gives
that name speaks as the run: its words are the delivery's next reply, proven and journalled as any. With the handler's
run the name is over; what is said by it afterwards is refused, because nobody would record it.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import secrets
import sys
from collections import Counter, defaultdict
from dataclasses import field
from typing import TYPE_CHECKING, Any, Final, Literal, TypedDict

from mycel_runtime.dispatch.tool_message import tool_message
from mycel_runtime.errors import ArgumentError, NotCaughtUpError
from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.plugin.port import ToolEntry
from mycel_runtime.plugin.tool_server import CHAT_VARIABLE, RUN_VARIABLE, STATE_DIR_VARIABLE
from mycel_runtime.speech.interrupts import (
    DroppedError,
    RefusedError,
    SupersededError,
    TurnEndedError,
    UnansweredError,
    WithheldError,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Sequence
    from pathlib import Path

    from mycel_runtime.dispatch.tool_results import ShownMessage
    from mycel_runtime.plugin.message import Message
    from mycel_runtime.speech.turn import Turn
    from mycel_runtime.wire.ids import UserId

_NAME_BYTES: Final = 24
_COMMAND: Final = ("-m", "mycel_runtime", "mcp")
_END: Final = "Say nothing more here, and end your turn."
_ASKED_AGAIN: Final = "End your turn now: you will be asked again."


class RunReport(TypedDict):
    """
    What became of a reply.

    Attributes:
        seq, message_id: Of its message, once it was said.
        is_earlier: An earlier run of the delivery has said it, in its words, and that stands.
        news: What is new in the chat, and counts as shown now; of what was not said.
    """

    state: Literal["said", "unsaid"]
    seq: int | None
    message_id: str | None
    is_earlier: bool
    news: list[ShownMessage]


@dataclass(slots=True, kw_only=True)
class ToolRun:
    """
    One run.

    Attributes:
        turn: Says its replies.
        show_newer: Reads what is new to its handler, which counts as shown from then on.
        me: The identity.
        name: By which tools know it.
    """

    turn: Turn
    show_newer: Callable[[], Awaitable[list[Message]]]
    me: UserId
    name: str = field(default_factory=lambda: secrets.token_urlsafe(_NAME_BYTES), repr=False)
    _is_over: bool = False
    _showing: set[asyncio.Timeout] = field(default_factory=set)
    _locks: defaultdict[str, asyncio.Lock] = field(default_factory=lambda: defaultdict(asyncio.Lock))
    _done: dict[str, Any] = field(default_factory=dict, repr=False)
    _said: Counter[str] = field(default_factory=Counter)

    def end(self) -> None:
        """The handler's run is over. What is being shown does not count; a reply that is on its way arrives."""
        self._is_over = True
        for showing in self._showing:
            showing.reschedule(asyncio.get_running_loop().time())

    async def reply(self, key: str, text: str, mentions: Sequence[str], known_seq: int = 0) -> RunReport:
        """
        Say the run's next reply, once for each key.

        Args:
            key: Drawn by the caller, once for each.
            text: What.
            mentions: User ids.
            known_seq: What earlier runs have said up to this number is known to whoever speaks, who does not say it
                again: the next reply is the one behind that.

        Raises:
            ArgumentError: It is nothing that can be said, or nothing can be said in this run any more.
            ApiError: The backend refused it for good, or cannot tell what is new.

        Cancelling: as of `Turn.send`.
        """
        report: RunReport = await self._once(key, lambda: self._reply(text, mentions, known_seq))
        return report

    async def read(self, key: str) -> list[ShownMessage]:
        """
        What is new to the run's handler, which counts as shown from now on; once for each key.

        Raises:
            ArgumentError: The run is over.
            ApiError, UnansweredError: The chat cannot be read.

        Cancelling: what was not returned does not count as shown.
        """
        messages: list[ShownMessage] = await self._once(key, self._news)
        return messages

    def speech_key(self, key: str, chat_id: str) -> str:
        """
        For what is said first in another chat: the n-th there is the n-th there of the run before.

        Args:
            key: Drawn by the caller, once for each.
            chat_id: The other chat.
        """
        if key not in self._done:
            delivery, place = self.turn.delivery, self._said[chat_id]
            self._said[chat_id] += 1
            told = f"{delivery.delivery_id}:{delivery.turn}:{delivery.handler}:{place}:{chat_id}"
            self._done[key] = hashlib.sha256(told.encode()).hexdigest()[:32]
        found: str = self._done[key]
        return found

    async def _once(self, key: str, do: Callable[[], Awaitable[Any]]) -> Any:
        """A call that is made again, because its answer was lost, has done it already."""
        async with self._locks[key]:
            if key not in self._done:
                self._done[key] = await do()
            return self._done[key]

    async def _reply(self, text: str, mentions: Sequence[str], known_seq: int) -> RunReport:
        if self._is_over:
            raise _over()
        earlier = {sent.message_id for sent in self.turn.ledger.stored}
        try:
            sent = await self.turn.send(text, mentions, is_told=True)
            while sent.message_id in earlier and sent.seq <= known_seq:
                sent = await self.turn.send(text, mentions, is_told=True)
        except (SupersededError, DroppedError, NotCaughtUpError):
            return await self._unsaid()
        except WithheldError:
            problem = "not said: agents have talked among themselves for too long, and the loop guard holds the chat"
            raise ArgumentError(problem, fix=_END) from None
        except (UnansweredError, RefusedError):
            raise ArgumentError("not said: Mycel takes no reply now", fix=_ASKED_AGAIN) from None
        except TurnEndedError:
            raise _over() from None
        return RunReport(
            state="said",
            seq=sent.seq,
            message_id=sent.message_id,
            is_earlier=sent.message_id in earlier,
            news=[],
        )

    async def _unsaid(self) -> RunReport:
        news = await self._news()
        if self.turn.ledger.unshown or self.turn.refused_by is not None:
            problem = "not said: something was said in this chat that cannot be shown here"
            raise ArgumentError(problem, fix=_ASKED_AGAIN if self.turn.is_superseded else _END)
        return RunReport(state="unsaid", seq=None, message_id=None, is_earlier=False, news=news)

    async def _news(self) -> list[ShownMessage]:
        if self._is_over:
            raise _over()
        showing = asyncio.timeout(None)
        try:
            async with showing:
                self._showing.add(showing)
                try:
                    messages = await self.show_newer()
                finally:
                    self._showing.discard(showing)
        except TimeoutError:
            raise _over() from None
        return [tool_message(message, me=self.me) for message in messages]


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolRuns:
    """
    Those that go on.

    Attributes:
        me: The identity.
        state_dir: Where the daemon's socket is.
    """

    me: UserId
    state_dir: Callable[[], Path]
    _open: dict[str, ToolRun] = field(default_factory=dict, repr=False)
    _names: dict[int, str] = field(default_factory=dict, repr=False)

    @contextlib.contextmanager
    def during(self, turn: Turn) -> Iterator[None]:
        """A handler is run in this turn: with the block its name ends, if it has got one."""
        try:
            yield
        finally:
            if name := self._names.pop(id(turn), ""):
                self._open.pop(name).end()

    def entry(self, turn: Turn, show_newer: Callable[[], Awaitable[list[Message]]]) -> ToolEntry:
        """How the tools of the agent that a handler lets work reach its run; the same each time that it asks."""
        name = self._names.get(id(turn))
        if name is None:
            run = ToolRun(turn=turn, show_newer=show_newer, me=self.me)
            name = self._names[id(turn)] = run.name
            self._open[name] = run
        return ToolEntry(
            command=[sys.executable, *_COMMAND],
            environment={
                RUN_VARIABLE: name,
                CHAT_VARIABLE: turn.chat_id,
                STATE_DIR_VARIABLE: str(self.state_dir().absolute()),
            },
        )

    def find(self, name: str) -> ToolRun:
        """
        The run of this name.

        Raises:
            ArgumentError: It is over.
        """
        run = self._open.get(name)
        if run is None:
            raise _over()
        return run


def _over() -> ArgumentError:
    return ArgumentError(
        "not done: the turn in which you were answering is over",
        fix="End here. What is new in the chat is a new turn's, in which you are asked again.",
    )
