"""
What a handler is given in its plugin's own process: the names of `MessageContext` and `FrameContext`.

For a plain function the methods are plain calls, for an `async def` they are awaited.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import structlog
from typing_extensions import override

from mycel_runtime.plugin.begun_replies import BegunReplies
from mycel_runtime.plugin.context import LoopGuardView
from mycel_runtime.plugin.isolation import messages as said
from mycel_runtime.plugin.message import message_from_api
from mycel_runtime.speech.sent import Sent
from mycel_runtime.wire.arguments import require_mentions, require_page, require_storable
from mycel_runtime.wire.ids import MessageId, MessageSeq, UserId

if TYPE_CHECKING:
    from collections.abc import Callable

    from mycel_runtime.plugin.message import Message
    from mycel_runtime.plugin.plugin import Handler
    from mycel_runtime.wire import resources


class _ChildContext:
    """What both kinds of handler are shown."""

    def __init__(self, run: said.MessageRun | said.FrameRun, handler: Handler, settings: Any) -> None:
        self._run = run.run
        self._is_async = handler.is_async
        self._seconds = run.seconds
        self.settings = settings
        self.me = UserId(run.me)
        self.attempt = run.attempt
        self.log = structlog.get_logger().bind(handler=handler.id, attempt=run.attempt)

    def go_on_awaited(self) -> None:
        """Called by the runtime: the function has returned a coroutine, in which the methods are awaited."""
        self._is_async = True

    def require_awaited(self) -> None:
        """As `MessageContext.require_awaited`."""

    @property
    def deadline(self) -> float:
        """Time of the running loop at which this process is killed; for a plain function, seconds from its start."""
        return asyncio.get_running_loop().time() + self._seconds if self._is_async else self._seconds


class ChildFrameContext(_ChildContext):
    """For handlers of frames."""

    def __init__(self, run: said.FrameRun, handler: Handler, settings: Any) -> None:
        super().__init__(run, handler, settings)
        self.event_type = run.event_type
        self.metadata = run.metadata


class ChildMessageContext(_ChildContext):
    """
    For handlers of messages.

    Args:
        ask: Puts a question to the runtime and waits for its answer.
        run: What the handler is shown.
        handler: What is run.
        settings: Of its plugin.
    """

    def __init__(
        self, ask: Callable[[said.Question], Any], run: said.MessageRun, handler: Handler, settings: Any
    ) -> None:
        super().__init__(run, handler, settings)
        self._ask_runtime = ask
        self._left: dict[str, asyncio.Future[Any]] = {}
        self.chat_id = run.chat_id
        self.chat_type = run.chat_type
        self.messages = [self._message(message) for message in run.messages]
        self.guard = LoopGuardView(**run.guard.model_dump())
        self.unsaid = run.unsaid
        self.is_withdrawn = False
        self._replies = BegunReplies()

    @override
    def require_awaited(self) -> None:
        self._replies.require_awaited()

    def reply(self, text: str, *, mentions: Any = ()) -> Any:
        """As `MessageContext.reply`; what no line can carry is refused here."""
        if not isinstance(text, str):
            require_storable(text, "the reply's text")
        require_mentions(mentions)
        question = said.ReplyQuestion(run=self._run, text=text, mentions=tuple(mentions))
        reply = self._ask(
            question,
            lambda answer: Sent(message_id=MessageId(answer.message_id), seq=MessageSeq(answer.seq)),
        )
        return self._replies.begin(reply) if self._is_async else reply

    def history(self, limit: int = 50) -> Any:
        """As `MessageContext.history`."""
        require_page(limit, "the limit")
        return self._ask(
            said.HistoryQuestion(run=self._run, limit=limit),
            lambda answer: [self._message(message) for message in answer.messages],
        )

    def newer(self) -> Any:
        """As `MessageContext.newer`."""
        return self._ask(
            said.NewerQuestion(run=self._run),
            lambda answer: [self._message(message) for message in answer.messages],
        )

    def withdraw(self) -> None:
        """As `MessageContext.withdraw`."""
        self.is_withdrawn = True

    def members(self) -> Any:
        """As `MessageContext.members`."""
        return self._ask(said.MembersQuestion(run=self._run), lambda answer: list(answer.members))

    def _ask(self, question: said.Question, parse: Callable[[Any], Any]) -> Any:
        if self._is_async:
            return self._ask_async(question, parse)
        return parse(self._ask_runtime(question))

    async def _ask_async(self, question: said.Question, parse: Callable[[Any], Any]) -> Any:
        """A reply that a handler stopped waiting for goes on: the same words again wait for its answer."""
        words = json.dumps(question.model_dump())
        answer = self._left.pop(words, None) or asyncio.get_running_loop().run_in_executor(
            None, self._ask_runtime, question
        )
        try:
            return parse(await asyncio.shield(answer))
        except asyncio.CancelledError:
            answer.add_done_callback(_look_at)
            if isinstance(question, said.ReplyQuestion):
                self._left[words] = answer
            raise

    def _message(self, message: said.ChatMessage) -> Message:
        return message_from_api(
            cast("resources.Message", message.raw), me=self.me, sender_type=message.sender_type
        )


ChildContext: TypeAlias = ChildMessageContext | ChildFrameContext


def _look_at(answer: asyncio.Future[Any]) -> None:
    """Nobody may ask for it again, and then its error would be told as lost."""
    if not answer.cancelled():
        answer.exception()
