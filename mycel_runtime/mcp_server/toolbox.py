"""The tools' work: what each asks of the daemon, and what its client is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from mycel_runtime.errors import ToolProblemError
from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.mcp_server.results import DecideResult, ReadResult, SpeechResult
from mycel_runtime.mcp_server.speech_id import SpeechId, new_key

if TYPE_CHECKING:
    from mycel_runtime.dispatch.tool_results import (
        ChatsResult,
        HistoryResult,
        MembersResult,
        RelationshipsResult,
    )
    from mycel_runtime.mcp_server.answered_run import AnsweredRun
    from mycel_runtime.mcp_server.arguments import (
        ChatArguments,
        DecideArguments,
        HistoryArguments,
        NoArguments,
        OutcomeArguments,
        ReadArguments,
        ReplyArguments,
        SayArguments,
    )
    from mycel_runtime.mcp_server.daemon_door import DaemonDoor
    from mycel_runtime.mcp_server.view import View

SPEECH_SECONDS: Final = 20.0
"""That a call waits for its words to be said. Clients give up a call after a minute, or half of that."""

_WAITS: Final = (
    "It is written down, and will be said once when this agent's own work in the chat is done. Do not say it again; "
    "`outcome` tells what became of it."
)
_HELD: Final = (
    "It is written down, and will be said once when a human speaks in the chat or the operator lets it go on: the "
    "loop guard holds the chat. Do not say it again."
)

_SAID_EARLIER: Final = (
    "You have been asked this before, and had said this reply then, in your words of then: they stand, and these are "
    "not said. `history` shows them."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Toolbox:
    """
    Of one client.

    Attributes:
        door: To the daemon.
        view: What the client has been shown.
        run: What the client answers.
        speech_seconds: That a call waits for its words to be said.
    """

    door: DaemonDoor
    view: View
    run: AnsweredRun | None = None
    speech_seconds: float = SPEECH_SECONDS

    async def begin_call(self) -> None:
        """The client calls again, so it has got what it was told before: that counts as shown."""
        for move in self.view.take_uncounted():
            try:
                await self.door.call("count", move=move)
            except ToolProblemError:
                self.view.leave_uncounted(move)
                raise

    async def chats(self, _arguments: NoArguments) -> ChatsResult:
        """List the agent's chats."""
        result: ChatsResult = await self.door.call("chats")
        return result

    async def members(self, arguments: ChatArguments) -> MembersResult:
        """Tell who is in a chat."""
        result: MembersResult = await self.door.call("members", chat_id=arguments.chat_id)
        return result

    async def read(self, arguments: ReadArguments) -> ReadResult:
        """Hand out what is new in a chat."""
        if (run := self._run_in(arguments.chat_id)) is not None:
            bound = await run.current()
            messages = await self.door.call("run_read", run=bound["run"], key=new_key())
            return ReadResult(messages=self.view.fresh(messages), has_more=False)
        page = await self.door.call(
            "read",
            chat_id=arguments.chat_id,
            limit=arguments.limit,
            known_seq=self.view.known.get(arguments.chat_id),
        )
        self.view.leave_uncounted(page["move"])
        self.view.know(arguments.chat_id, page["through_seq"])
        return ReadResult(messages=self.view.fresh(page["messages"]), has_more=page["has_more"])

    async def history(self, arguments: HistoryArguments) -> HistoryResult:
        """Show what stands in a chat."""
        result: HistoryResult = await self.door.call(
            "history", chat_id=arguments.chat_id, limit=arguments.limit, before=arguments.before
        )
        return result

    async def reply(self, arguments: ReplyArguments) -> SpeechResult:
        """Answer what was read."""
        chat_id = arguments.chat_id
        if (run := self._run_in(chat_id)) is not None:
            return await self._answer(run, arguments.text, arguments.mentions)
        async with self.view.speaking[chat_id]:
            if (known_seq := self.view.known.get(chat_id)) is None:
                raise ToolProblemError(
                    "not said: you have not read this chat yet",
                    "Call `read` for it, and then `reply` to what you have read.",
                )
            while True:
                speech = SpeechId.draw(chat_id, known_seq)
                report = await self._speak(speech, arguments.text, arguments.mentions)
                self._note(speech, report)
                if not self._is_only_own(report):
                    return self._result(speech, report)
                known_seq = self.view.known[chat_id]

    async def say(self, arguments: SayArguments) -> SpeechResult:
        """Speak first."""
        if (arguments.chat_id is None) == (arguments.user_id is None):
            raise ToolProblemError("not said: it is not clear where", "Give either `chat_id` or `user_id`.")
        chat_id = arguments.chat_id or await self.door.call("direct", user_id=arguments.user_id)
        if (run := self._run_in(chat_id)) is not None:
            return await self._answer(run, arguments.text, arguments.mentions)
        async with self.view.speaking[chat_id]:
            speech = await self._speech_id(chat_id)
            report = await self._speak(speech, arguments.text, arguments.mentions)
            self._note(speech, report)
            return self._result(speech, report)

    async def outcome(self, arguments: OutcomeArguments) -> SpeechResult:
        """Tell what became of something that was to be said."""
        speech = SpeechId.parse(arguments.speech_id)
        report = await self.door.call(
            "outcome", waits=self.speech_seconds, **speech._asdict(), seconds=self.speech_seconds
        )
        if report is None:
            raise ToolProblemError(
                "nothing was ever to be said under this speech_id", "Say it, if it is to be said."
            )
        self._note(speech, report)
        return self._result(speech, report)

    async def relationships(self, _arguments: NoArguments) -> RelationshipsResult:
        """List who the agent knows, and who asks to be known."""
        result: RelationshipsResult = await self.door.call("relationships")
        return result

    async def decide_relationship(self, arguments: DecideArguments) -> DecideResult:
        """Grant or refuse what somebody asks for."""
        return DecideResult(stands=await self.door.call("decide", **arguments.model_dump()))

    def _run_in(self, chat_id: str) -> AnsweredRun | None:
        """The run that the client answers, if that is in this chat."""
        return self.run if self.run is not None and self.run.chat_id == chat_id else None

    async def _answer(self, run: AnsweredRun, text: str, mentions: list[str]) -> SpeechResult:
        """As the run's next reply."""
        async with self.view.speaking[run.chat_id]:
            report = await self._reply_as(run, text, mentions)
        if report["state"] == "unsaid":
            raise _unsaid(report["news"], is_all=True)
        self.view.note_own(report["message_id"])
        return SpeechResult(
            state="said",
            speech_id="",
            seq=report["seq"],
            note=_SAID_EARLIER if report["is_earlier"] else "",
            meanwhile=[],
        )

    async def _reply_as(self, run: AnsweredRun, text: str, mentions: list[str]) -> dict[str, Any]:
        words = {**await run.current(), "text": text, "mentions": mentions}
        try:
            report: dict[str, Any] = await self.door.call(
                "run_reply", waits=self.speech_seconds, key=new_key(), **words
            )
        except ToolProblemError as exc:
            if exc.is_refused:
                raise
            raise ToolProblemError(
                exc.problem,
                "It may have been said all the same: before you say it again, look with `history`.",
            ) from exc
        return report

    async def _speech_id(self, chat_id: str) -> SpeechId:
        """Of something said first; by a run it is the same when the run is repeated."""
        if self.run is None:
            return SpeechId.draw(chat_id, None)
        bound = await self.run.current()
        key = await self.door.call("run_key", run=bound["run"], key=new_key(), chat_id=chat_id)
        return SpeechId(key, None, chat_id)

    async def _speak(self, speech: SpeechId, text: str, mentions: list[str]) -> dict[str, Any]:
        try:
            report: dict[str, Any] = await self.door.call(
                "speak",
                waits=self.speech_seconds,
                **speech._asdict(),
                text=text,
                mentions=mentions,
                seconds=self.speech_seconds,
            )
        except ToolProblemError as exc:
            if exc.is_refused:
                raise
            # Whether it was written down by then is not known here.
            raise ToolProblemError(
                exc.problem, f"{exc.fix} Before you say it again, ask `outcome` for {speech!s}."
            ) from exc
        return report

    def _note(self, speech: SpeechId, report: dict[str, Any]) -> None:
        """What the client knows by it; of what was said first nobody knows what stands before it."""
        self.view.note_own(report["message_id"])
        if report["is_all"] and speech.known_seq is not None:
            seqs = [message["seq"] for message in report["news"]]
            self.view.know(speech.chat_id, max([speech.known_seq, report["seq"] or 0, *seqs]))

    def _is_only_own(self, report: dict[str, Any]) -> bool:
        """Whether a reply was not said only for what the same client has said itself."""
        ids = [message["message_id"] for message in report["news"]]
        return report["state"] == "unsaid" and bool(ids) and report["is_all"] and self.view.has_said(ids)

    def _result(self, speech: SpeechId, report: dict[str, Any]) -> SpeechResult:
        news = report["news"]
        fresh = self.view.fresh(news)
        match report["state"]:
            case "said":
                note = "Somebody spoke in between; see `meanwhile`." if fresh else ""
                return SpeechResult(
                    state="said", speech_id=str(speech), seq=report["seq"], note=note, meanwhile=fresh
                )
            case "waiting":
                note = _HELD if report["reason"] else _WAITS
                return SpeechResult(state="waiting", speech_id=str(speech), seq=None, note=note, meanwhile=[])
            case "unsaid":
                raise _unsaid(news, is_all=report["is_all"])
            case _:
                raise ToolProblemError(
                    f"not said, after several attempts: {report['reason']}",
                    "Do not try it again; tell the operator, who finds it in `mycel-runtime dead`.",
                )


def _unsaid(news: list[dict[str, Any]], *, is_all: bool) -> ToolProblemError:
    if not is_all:
        return ToolProblemError(
            "not said: so much was said in this chat meanwhile that not all of it is shown here",
            "Call `read` until `has_more` is false, and then `reply`, if there is still something to say.",
            shown={"meanwhile": news},
        )
    if not news:
        return ToolProblemError(
            "not said: something was said in this chat meanwhile", "Call `read`, and then `reply` again."
        )
    return ToolProblemError(
        "not said: somebody spoke in this chat meanwhile, whom you had not read; you see it here",
        "Read it, and call `reply` again with what is right now, or with the same words if they still are.",
        shown={"meanwhile": news},
    )
