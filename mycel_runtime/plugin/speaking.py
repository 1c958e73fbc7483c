"""How a handler speaks first, and how it asks: in any chat, written down at once and said when its turn comes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mycel_runtime.plugin.answer_wish import ANSWER_SECONDS, answer_wish, require_answer_wish
from mycel_runtime.plugin.calling import Calling
from mycel_runtime.wire.arguments import require_mentions, require_storable

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence
    from datetime import timedelta

    from mycel_runtime.journal.utterance import UtterancePolicy


class Speaking(Calling):
    """What every handler can do besides but a hook of the stop; for `async def` handlers."""

    __slots__ = ()

    def say(
        self,
        chat_id: str,
        text: str,
        *,
        mentions: Sequence[str] = (),
        on_conflict: UtterancePolicy = "wait",
    ) -> Coroutine[Any, Any, None]:
        """
        Speak first, in whatever chat the agent is in; to be awaited: a run that leaves it unawaited has failed.

        Returns once it is written down, and waits for no chat. It is said when the chat's own work is done: behind
        what is due there, and only when all that stands before it was shown to every handler of the agent that wants
        messages of this chat. Said once, whatever happens: the n-th in a chat is the n-th in that chat of the run
        before, whatever the words are now, and stands though this run may fail. What cannot be said in the end is a
        dead letter.

        In the chat that the handler was called for it is a reply: `reply` says of it what holds.

        Args:
            chat_id: Where; `ctx.chats.direct(user_id)` finds the direct chat with somebody.
            text: Not blank.
            mentions: User ids. A mention silences everybody else in a group (Q32).
            on_conflict: What becomes of it when somebody speaks there before it is said: `wait` until that was
                shown, or `drop` it.

        Raises:
            ArgumentError: The text is blank, or holds what no server can store; nothing will be said.
            ApiError: By `drop`, in a chat that the agent has not heard of yet: the backend cannot tell how far it
                goes.
            ContextEndedError: The run is over.

        Cancelling: it may be written down or not; said again with the same words it is the same.
        """
        return self._run.begin(self._say(chat_id, text, mentions, on_conflict))

    async def _say(self, chat_id: str, text: str, mentions: Sequence[str], on_conflict: str) -> None:
        self._require_words(chat_id, text, mentions)
        await self._runtime.say(chat_id, text, tuple(mentions), on_conflict)

    def ask(
        self,
        chat_id: str,
        text: str,
        *,
        name: str,
        data: Any = None,
        timeout: float | timedelta = ANSWER_SECONDS,
        user_id: str | None = None,
        mentions: Sequence[str] = (),
        on_conflict: UtterancePolicy = "wait",
    ) -> Coroutine[Any, Any, None]:
        """
        Ask somebody something, in whatever chat; to be awaited, as `say`.

        Returns once it is written down, and waits for nobody. It is said as `say` says, also in the chat that the
        handler was called for: there, after this run's replies. The answer is the next message of whoever is asked in
        that chat after the question stands there. It goes to the plugin's `@plugin.on_answer(name)`, once, and to no
        other handler of the agent. Who has been asked several things there answers them in the order in which they
        stand, one by each message.

        Args:
            chat_id: Where.
            text: Not blank.
            name: Of the handler of the answer.
            data: What that is given as `ctx.data`: JSON, or a pydantic model; 64 KiB at most.
            timeout: Seconds from now, or a `timedelta`, at most ten years; by default a day. When they are over and
                there is no answer, the handler is called without one. A question that is not said by then is not
                said any more.
            user_id: Whose answer. By default, in a direct chat, that of the other one; in the chat that the handler
                was called for, that of who wrote the last of `messages`. In other groups it has to be given.
            mentions: As of `say`.
            on_conflict: As of `say`. A question that is dropped is answered by nobody, and the handler is told at
                once.

        Raises:
            ArgumentError: Nobody handles the name, it is not known who is asked, or the text, the data or the time is
                none; nothing will be said.
            ApiError: The backend cannot tell whether the chat is a direct one.
            ContextEndedError: The run is over.

        Cancelling: as of `say`.
        """
        wish = (name, data, timeout, user_id)
        return self._run.begin(self._ask(chat_id, text, mentions, on_conflict, wish))

    async def _ask(
        self,
        chat_id: str,
        text: str,
        mentions: Sequence[str],
        on_conflict: str,
        wish: tuple[str, Any, float | timedelta, str | None],
    ) -> None:
        self._require_words(chat_id, text, mentions)
        name, data, timeout, user_id = wish
        asked = user_id if user_id is not None else self._whom(chat_id)
        checked = require_answer_wish(answer_wish(name, data, timeout, asked), self._run.state.question_names)
        await self._runtime.ask(chat_id, text, tuple(mentions), on_conflict, checked)

    def _require_words(self, chat_id: str, text: str, mentions: Sequence[str]) -> None:
        """Whether a port can carry them; whoever says them checks what they say."""
        self._run.require_open()
        for argument, what in ((chat_id, "the chat id"), (text, "the text")):
            if not isinstance(argument, str):
                require_storable(argument, what)
        require_mentions(mentions)

    def _whom(self, _chat_id: str) -> str | None:
        """Who is asked where nobody is named; `None`: who else is in the chat tells."""
        return None
