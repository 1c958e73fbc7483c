"""
One turn in a chat: the agent is shown what it has not been shown, and what it says is the reply.

The journal decides what is shown and what stands; the agent's session is a means. An answer that does not stand is
kept with its session: if nothing has come since, it is sent without asking again, and else the agent is told that
nobody has read it.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from mycel_runtime import Retry, Unavailable
from mycel_runtime.sdk import ContentTooLargeError
from mycel_runtime_plugins.acp import hint as hints
from mycel_runtime_plugins.acp.answer import Answer
from mycel_runtime_plugins.acp.connection import AnsweredError, ConnectionLostError
from mycel_runtime_plugins.acp.hint import Hint
from mycel_runtime_plugins.acp.host import UnknownModeError
from mycel_runtime_plugins.acp.outcome import (
    ASKED,
    CUT,
    LOGIN_FIX,
    NEEDS_LOGIN,
    STOPPED_BY_PERSON,
    TOLD,
    WANTS,
    Outcome,
    outcome_of,
)
from mycel_runtime_plugins.acp.prompt import Shown, prompt_text
from mycel_runtime_plugins.acp.session import Undelivered
from mycel_runtime_plugins.acp.spoken import is_repetition, spoken_now
from mycel_runtime_plugins.child_process import ProgramUnavailableError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from mycel_runtime import Message, MessageContext, Sent
    from mycel_runtime_plugins.acp.host import AgentHost
    from mycel_runtime_plugins.acp.last_word import LastWord
    from mycel_runtime_plugins.acp.session import Session
    from mycel_runtime_plugins.acp.settings import AcpSettings
    from mycel_runtime_plugins.acp.wanted import Wanted

QUESTION: Final = "leave"
"""Name of what a person is asked."""

_REST_SECONDS: Final = 5.0
"""Of the handler's time that is left for the reply."""

_QUIET_SECONDS: Final = 60.0
"""Without a word of the agent's until that is logged: it may be waiting for a rate limit, which few of them tell."""

_LEAST_WORK: Final = 0.05
"""Of a processor, that an agent uses which works: one that waits for its model uses next to nothing."""

_HISTORY_CHARACTERS: Final = 200_000
"""Of the time before that one prompt shows, at most."""


_LEAST_CHARACTERS: Final = 500
"""Of a reply: who takes no more of it is not to be talked to."""


@dataclass(frozen=True, slots=True)
class Asked:
    """
    What a turn of the agent's came to.

    Attributes:
        answer: What was said in it.
        outcome: How it has ended.
        seq: Of the newest message that it was shown.
        wanted: What it was refused, and somebody here is to be asked about.
        spoken: What it has said by its tools in this turn, in earlier runs too.
    """

    answer: Answer
    outcome: Outcome
    seq: int
    wanted: Wanted | None
    spoken: Sequence[Message]


@dataclass(slots=True)
class Turn:
    """
    Of one run of the handler.

    Attributes:
        messages: What is to be answered, oldest first: others' words, none of which an earlier run has answered.
        grant: What the agent may do once, because a person has said so.
        note: What the agent is told in the place of what became of its last turn; a key of `NOTES`.
        spoken: What the agent has said by its tools in earlier runs.
        last_word: Where it is noted what ends the turn; `None`: it has no tools.
    """

    ctx: MessageContext
    host: AgentHost
    messages: Sequence[Message]
    grant: Wanted | None = None
    note: str = ""
    spoken: Sequence[Message] = ()
    last_word: LastWord | None = None

    @property
    def _settings(self) -> AcpSettings:
        return self.host.settings

    async def take(self) -> None:
        """
        Ask the agent, and reply.

        Raises:
            Retry: It did not work, and may work later.
            Unavailable: It cannot work for anybody until the operator has done something.

        Cancelling: the agent is told to stop; its session is kept.
        """
        self.host.stopped.discard(self.ctx.chat_id)
        try:
            async with self.host.turn(self.ctx.chat_id):
                session = await self._session()
                if not self._is_known(session):
                    session = await self._asked(session)
                if session.undelivered is not None:
                    await self._deliver(session, session.undelivered)
        except asyncio.CancelledError:
            self.host.stopped.add(self.ctx.chat_id)
            raise

    async def say_stopped(self) -> bool:
        """
        Whether somebody has stopped a turn, and was told so now.

        Cancelling: it is said or not.
        """
        if self.ctx.chat_id not in self.host.stopped:
            return False
        sent = await self._reply_behind_earlier(STOPPED_BY_PERSON)
        self.host.stopped.discard(self.ctx.chat_id)
        if (session := self.host.sessions.get(self.ctx.chat_id)) is not None:
            session.note_reply(sent.seq, "stopped")
        return True

    # -- the session -----------------------------------------------------------------------------------------------

    async def _session(self) -> Session:
        session = await self.host.present(self.ctx.chat_id)
        return session if session is not None else await self._open(self._hint())

    def _hint(self) -> Hint | None:
        try:
            return self.ctx.chat_store.get_model(hints.KEY, Hint)
        except ValidationError:
            return None

    async def _open(self, hint: Hint | None) -> Session:
        server = await self.ctx.tools() if self._settings.tools else None
        try:
            return await self.host.open(self.ctx.chat_id, hint, self.ctx.log, server)
        except AnsweredError as exc:
            raise self._failed(exc) from exc
        except UnknownModeError as exc:
            self.ctx.log.error("acp.mode_not_offered", mode=exc.mode, offered=exc.offered)  # noqa: TRY400 - no trace is needed
            raise Unavailable(str(exc), fix=exc.fix) from exc
        except ProgramUnavailableError as exc:
            self.ctx.log.error("acp.program_unavailable", problem=exc.problem, fix=exc.fix)  # noqa: TRY400 - likewise
            raise Unavailable(exc.problem, fix=exc.fix) from exc
        except (ConnectionLostError, TimeoutError) as exc:
            self.ctx.log.warning("acp.agent_not_started", error=type(exc).__name__)
            raise Retry(why="the agent ends, or does not answer, at its start") from exc

    def _failed(self, exc: AnsweredError) -> Retry | Unavailable:
        if exc.code == NEEDS_LOGIN:
            self.ctx.log.error("acp.login_needed", agent=" ".join(self._settings.program), fix=LOGIN_FIX)
            return Unavailable("the agent needs a login", fix=LOGIN_FIX)
        self.ctx.log.warning("acp.request_failed", method=exc.method, code=exc.code)
        return Retry(why=f"the agent has answered {exc.method} by the error {exc.code}")

    # -- what is shown ---------------------------------------------------------------------------------------------

    def _is_known(self, session: Session) -> bool:
        """Whether the agent has answered all of it, and the answer only has to be sent."""
        undelivered = session.undelivered
        return undelivered is not None and undelivered.seq >= self.messages[-1].seq

    async def _shown(self, session: Session) -> Shown:
        messages = [message for message in self.messages if message.seq > session.shown_seq]
        first = messages[0].seq if messages else session.shown_seq + 1
        return Shown(
            me=self.ctx.me,
            is_new=session.is_new,
            history=await self._history(session, first),
            messages=messages,
            note=self.note or session.note,
            instructions=self._settings.instructions,
            spoken=self._unknown_to(session),
            has_tools=session.tools is not None,
        )

    async def _history(self, session: Session, first: int) -> Sequence[Message]:
        """What stands between what the session was shown last and what is to be answered."""
        has_replied = session.shown_seq < session.reply_seq < first
        if first - 1 - session.shown_seq - has_replied <= 0 or self._settings.history == 0:
            return ()
        page = await self.ctx.history(self._settings.history, before=first)
        unknown = [each for each in page if each.seq > session.shown_seq and each.seq != session.reply_seq]
        return newest(unknown, _HISTORY_CHARACTERS)

    # -- the agent's turn ------------------------------------------------------------------------------------------

    async def _asked(self, session: Session) -> Session:
        """
        Ask, and note what came of it; in a new session, if the loaded one proves to be none.

        Raises:
            Retry: The turn has failed.
        """
        asked = await self._ask(session)
        if asked.answer.has_old_words and session.is_unproven:
            # What came with it may be an answer of old: nobody can tell which words belong to which turn.
            self.ctx.log.warning("acp.session_replayed_late")
            self.host.drop(session)
            session = await self._open(None)
            asked = await self._ask(session)
        await self._note(session, asked)
        return session

    async def _ask(self, session: Session) -> Asked:
        text = prompt_text(await self._shown(session))
        answer = Answer(text, self._settings.answer_characters, self._settings.known.marks_text)
        session.note_asked()
        try:
            async with self._speaking(session):
                outcome = await self._wait(session, session.prompt(text, answer, self.grant))
        except AnsweredError as exc:
            session.note_end("unknown")
            raise self._failed(exc) from exc
        except ConnectionLostError as exc:
            self.ctx.log.warning("acp.agent_ended")
            self.host.drop(session)
            raise Retry(why="the agent has ended in its turn") from exc
        finally:
            self.grant = session.take_grant()
            self._log_refused(session)
        spoken = await self._spoken(session)
        seqs = [message.seq for message in (self.messages[-1], *spoken)]
        seq = max(session.shown_seq, *seqs)
        return Asked(answer, outcome, seq, await self._askable(session.wanted), spoken)

    @contextlib.asynccontextmanager
    async def _speaking(self, session: Session) -> AsyncIterator[None]:
        """While it is asked, what it says by its tools is of this run, and none of it ends the turn."""
        if session.tools is None or self.last_word is None:
            yield
            return
        await self.last_word.forget()
        async with session.tools.speaking_as(await self.ctx.tools(), session.shown_seq):
            yield

    async def _spoken(self, session: Session) -> Sequence[Message]:
        """What it has said by its tools to what is answered."""
        if session.tools is None:
            return ()
        earlier_seq = max((sent.seq for sent in self.ctx.said), default=0)
        now = await spoken_now(self.ctx, max(self.messages[-1].seq, earlier_seq))
        return [*self._unknown_to(session), *now]

    def _unknown_to(self, session: Session) -> Sequence[Message]:
        """What the session does not know to have said: it was cut short then, or was another one."""
        return [message for message in self.spoken if message.seq > session.shown_seq]

    async def _askable(self, wanted: Wanted | None) -> Wanted | None:
        """Whether it is asked about: who may allow it has to be here."""
        if wanted is None or self._settings.ask is None:
            return None
        return wanted if any(each["id"] == self._settings.ask for each in await self.ctx.members()) else None

    async def _wait(self, session: Session, prompted: asyncio.Future[Any]) -> Outcome:
        """How the turn ends; silence is waited for, because it may be a rate limit."""
        end = time.monotonic() + min(self._settings.turn_timeout, self._left())
        worked: float | None = None
        try:
            while not prompted.done() and (rest := end - time.monotonic()) > 0:
                await asyncio.wait([prompted], timeout=min(rest, _QUIET_SECONDS))
                worked = await self._log_quiet(session, prompted, worked)
        except asyncio.CancelledError:
            session.cancel()
            session.note_end("stopped")
            raise
        if not prompted.done():
            session.cancel()
            return Outcome.OVERDUE
        result = prompted.result()
        return outcome_of(result.get("stopReason") if isinstance(result, dict) else None)

    def _left(self) -> float:
        return self.ctx.deadline - time.monotonic() - _REST_SECONDS

    async def _note(self, session: Session, asked: Asked) -> None:
        """
        What the session has come to know.

        Raises:
            Retry: The turn is to be repeated.
        """
        self.ctx.log.info(
            "acp.turn_ended",
            outcome=asked.outcome.value,
            tools=asked.answer.tools,
            characters=asked.answer.length,
            passed_over=dict(asked.answer.passed_over),
        )
        session.note_proven()
        if asked.outcome in TOLD:
            told = Undelivered(TOLD[asked.outcome], asked.seq, note="stopped")
            session.note_answer(asked.seq, "stopped", told)
        elif asked.outcome is Outcome.ANSWERED or (asked.outcome is Outcome.STOPPED and asked.wanted):
            await self._note_answer(session, asked)
        else:
            session.note_end("unknown")
            raise Retry(why=f"the agent's turn was {asked.outcome.value}")

    async def _note_answer(self, session: Session, asked: Asked) -> None:
        # A turn that is ended for a refusal has said what it wanted to, or nothing.
        text = asked.answer.text or (WANTS if asked.wanted and not asked.spoken else "")
        if is_repetition(text, asked.spoken):
            text = ""
        if text:
            whole = text + CUT if asked.answer.is_cut else text
            session.note_answer(asked.seq, "undelivered", Undelivered(whole, asked.seq, wanted=asked.wanted))
        elif asked.spoken:
            session.note_answer(asked.seq, "", Undelivered("", asked.seq, wanted=asked.wanted))
            if self.last_word is not None:
                await self.last_word.note(asked.spoken[-1].content)
        elif self.ctx.chat_type == "group" and self._settings.groups == "all":
            # It listens, and has nothing to say.
            session.note_answer(asked.seq, "")
        else:
            session.note_answer(asked.seq, "silent")
            raise Retry(why="the agent has ended its turn without a word")

    async def _log_quiet(
        self, session: Session, prompted: asyncio.Future[Any], before: float | None
    ) -> float | None:
        """The heartbeat of an agent that says nothing: what it has worked since `before`. Its work by now."""
        quiet = asyncio.get_running_loop().time() - session.last_heard
        if prompted.done():
            return before
        worked = await session.process.processor_seconds()
        if quiet >= _QUIET_SECONDS:
            self.ctx.log.info("acp.agent_quiet", seconds=round(quiet), **_work(before, worked))
        return worked

    def _log_refused(self, session: Session) -> None:
        if refused := session.take_refused():
            self.ctx.log.info("acp.permission_refused", tools=refused)

    # -- the reply -------------------------------------------------------------------------------------------------

    async def _deliver(self, session: Session, undelivered: Undelivered) -> None:
        """Send it. If somebody has spoken, the run ends here, and the session knows that it was not delivered."""
        reply_seq = undelivered.seq
        if undelivered.text:
            reply_seq = (await self._reply_behind_earlier(undelivered.text)).seq
        session.note_reply(reply_seq, undelivered.note)
        self.ctx.chat_store[hints.KEY] = Hint(
            session_id=session.id,
            folder=session.folder,
            agent=str(session.process.introduction),
            shown_seq=session.shown_seq,
            reply_seq=reply_seq,
        )
        if undelivered.wanted is not None:
            await self._ask_person(undelivered.wanted)

    async def _ask_person(self, wanted: Wanted) -> None:
        """Whether the agent may do it once. The turn is over: nobody waits."""
        person = self._settings.ask
        assert person is not None
        await self.ctx.ask(
            self.ctx.chat_id,
            f"{ASKED}\n\n{wanted.shown}",
            name=QUESTION,
            data=wanted,
            timeout=self._settings.ask_timeout,
            user_id=person,
            mentions=[person] if self.ctx.chat_type == "group" else (),
        )

    async def _reply_behind_earlier(self, text: str) -> Sent:
        """As a reply of its own: those of earlier runs, which are the first ones again, were others."""
        earlier = {sent.message_id for sent in self.ctx.said}
        sent = await self._reply(text)
        for _ in self.ctx.said:
            if sent.message_id not in earlier:
                break
            sent = await self._reply(text)
        return sent

    async def _reply(self, text: str) -> Sent:
        """Say it, or as much of it as the backend, or a gateway before it, takes."""
        while True:
            if self.last_word is not None:
                await self.last_word.note(text)
            try:
                return await self.ctx.reply(text)
            except ContentTooLargeError:
                if len(text) < _LEAST_CHARACTERS:
                    raise
                text = text.removesuffix(CUT)[: len(text) // 2] + CUT


def _work(before: float | None, worked: float) -> dict[str, Any]:
    """For the log; nothing where there is nothing to compare with."""
    if before is None:
        return {}
    used = max(worked - before, 0.0)
    seems = "to work" if used >= _QUIET_SECONDS * _LEAST_WORK else "to wait"
    return {"processor_seconds": round(used, 1), "seems": seems}


def newest(messages: Sequence[Message], characters: int) -> Sequence[Message]:
    """The newest of them that have no more characters together."""
    for start, message in reversed(list(enumerate(messages))):
        characters -= len(message.content)
        if characters < 0:
            return messages[start + 1 :]
    return messages
