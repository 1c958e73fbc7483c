"""A chat's session with an agent: one prompt at a time, and what is known of what it was shown."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mycel_runtime_plugins.acp.permission import permission_answer
from mycel_runtime_plugins.acp.tool_calls import ToolCalls
from mycel_runtime_plugins.acp.wanted import Wanted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from mycel_runtime_plugins.acp.agent_process import AgentProcess
    from mycel_runtime_plugins.acp.answer import Answer
    from mycel_runtime_plugins.acp.connection import Params
    from mycel_runtime_plugins.acp.permission import AllowRule
    from mycel_runtime_plugins.acp.session_tools import SessionTools


@dataclass(frozen=True, slots=True)
class Undelivered:
    """
    An answer that does not stand in the chat.

    Attributes:
        text: As it would be sent; empty: the agent has said all of it by its tools, and it stands.
        seq: Of the newest message that the agent had been shown.
        note: What the agent is told once it stands, as of `Session.note`.
        wanted: What a person is to be asked about once it stands.
    """

    text: str
    seq: int
    note: str = ""
    wanted: Wanted | None = None


class Session:
    """
    One that is open.

    Args:
        session_id: The agent's.
        process: In which it is.
        folder: Of the chat.
        allow: What the agent may do of what it asks for.
        shown_seq: The newest message that it was shown; 0: none, it is new.
        tools: Mycel's; `None`: it has none.

    Attributes:
        is_cut_off: A turn of it was cancelled while it could speak by tools: what of that turn is still on its way to
            them must not be taken for the next one's.
        reply_seq: The reply that stands; 0: none is known.
        note: What became of its last turn, as `prompt.NOTES`; empty: nothing that it needs to know.
        undelivered: Its last answer, if that does not stand.
        is_unproven: It was loaded, and has not answered since: it may still send what is old.
        wanted: The first tool of its last turn that it was not allowed, and that a person can be asked about.
        refused: Tools that it was not allowed, by kind, and that no log tells yet.
        last_heard: The loop's time of the agent's last word.
        updates: How many it has sent.
        timer: Closes it, if nobody keeps it before.
    """

    def __init__(
        self,
        session_id: str,
        process: AgentProcess,
        folder: str,
        allow: Sequence[AllowRule],
        *,
        shown_seq: int = 0,
        tools: SessionTools | None = None,
    ) -> None:
        self.id, self.process, self.folder = session_id, process, folder
        self.shown_seq, self.reply_seq = shown_seq, 0
        self.tools, self.is_cut_off = tools, False
        self.note = ""
        self.undelivered: Undelivered | None = None
        self.is_unproven = False
        self.wanted: Wanted | None = None
        self.refused: list[str] = []
        self.last_heard = 0.0
        self.updates = 0
        self.timer: asyncio.TimerHandle | None = None
        self._allow = allow
        self._grant: Wanted | None = None
        self._answer: Answer | None = None
        self._calls = ToolCalls()
        self._prompt: asyncio.Future[Any] | None = None

    @property
    def is_new(self) -> bool:
        """Whether it was shown nothing yet."""
        return self.shown_seq == 0

    @property
    def is_busy(self) -> bool:
        """Whether a prompt is not answered yet, also one that was cancelled."""
        return self._prompt is not None and not self._prompt.done()

    def prompt(self, text: str, answer: Answer, grant: Wanted | None = None) -> asyncio.Future[Any]:
        """
        Begin a turn; what is said from now on is the answer's.

        Args:
            text: What the agent is asked.
            answer: Takes what it says.
            grant: What it may do once, in this turn.

        Returns:
            The result of `session/prompt`, as of `Connection.request`. To be cancelled by `cancel` only.
        """
        assert not self.is_busy, "one prompt at a time"
        self._answer, self._grant, self.wanted = answer, grant, None
        self._calls = ToolCalls()
        self._heard()
        self._prompt = self.process.connection.request(
            "session/prompt", {"sessionId": self.id, "prompt": [{"type": "text", "text": text}]}
        )
        return self._prompt

    def cancel(self) -> None:
        """Let the turn end; what it still says is nobody's. The prompt is answered when the agent has heard of it."""
        self._answer = None
        if self.is_busy:
            self.is_cut_off = self.tools is not None
            self.process.connection.notify("session/cancel", {"sessionId": self.id})

    async def wait_settled(self, within: float) -> bool:
        """
        Whether a turn that was cancelled is over, at the latest after `within` seconds.

        Cancelling: loses nothing.
        """
        if self._prompt is not None and not self._prompt.done():
            await asyncio.wait([self._prompt], timeout=within)
        return not self.is_busy

    async def wait_quiet(self, seconds: float) -> None:
        """
        Return when the agent has said nothing for so long.

        Cancelling: loses nothing.
        """
        loop = asyncio.get_running_loop()
        rest = seconds
        while rest > 0:
            await asyncio.sleep(rest)
            rest = self.last_heard + seconds - loop.time()

    def take_update(self, update: Mapping[str, Any], *, is_cut: bool) -> None:
        """The agent has sent this."""
        self._heard()
        self.updates += 1
        if self._answer is not None:
            self._answer.add(update, is_cut=is_cut)
            self._calls.note(update, is_cut=is_cut)

    def answer_permission(self, params: Params) -> Mapping[str, Any]:
        """What the agent is told that wants to use a tool."""
        self._heard()
        if self._answer is None:
            # Of a turn that was cancelled. Source: the protocol, "Cancellation".
            return {"outcome": {"outcome": "cancelled"}}
        told = params.get("toolCall")
        call = self._calls.completed(told) if isinstance(told, dict) else None
        request = params if call is None else {**params, "toolCall": call}
        wanted = None if call is None else Wanted.of(request)
        is_granted = wanted is not None and wanted == self._grant
        answer = permission_answer(request, self._allow, self.folder, is_granted=is_granted)
        if not answer.is_allowed:
            self.refused.append(answer.kind)
            self.wanted = self.wanted or wanted
        elif is_granted:
            self._grant = None
        return answer.result

    def keep(self) -> None:
        """It is needed: not to be closed for having been idle."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None

    def close_after(self, seconds: float, close: Callable[[Session], None]) -> None:
        """Have it closed then, unless it is kept."""
        self.keep()
        self.timer = asyncio.get_running_loop().call_later(seconds, close, self)

    def note_loaded(self, reply_seq: int) -> None:
        """It was loaded, and is to prove itself."""
        self.reply_seq, self.note, self.is_unproven = reply_seq, "unknown", True

    def note_end(self, note: str) -> None:
        """What became of its last turn."""
        self.note = note

    def note_answer(self, seq: int, note: str, undelivered: Undelivered | None = None) -> None:
        """It was shown everything up to there, and its answer does not stand yet."""
        self.shown_seq, self.note, self.undelivered = seq, note, undelivered

    def note_proven(self) -> None:
        """It has answered, and said nothing old."""
        self.is_unproven = False

    def note_asked(self) -> None:
        """Its last answer is out of date."""
        self.undelivered = None

    def note_reply(self, seq: int, note: str) -> None:
        """This stands in the chat, and nothing else of it is to be said."""
        self.reply_seq, self.note, self.undelivered = seq, note, None

    def take_grant(self) -> Wanted | None:
        """What it was allowed once and has not used; from now on it is not allowed."""
        grant, self._grant = self._grant, None
        return grant

    def take_refused(self) -> list[str]:
        """Tools that it was not allowed since this was asked last."""
        refused, self.refused = self.refused, []
        return refused

    def end_turn(self) -> None:
        """What is said from now on is nobody's."""
        self._answer = None

    def _heard(self) -> None:
        self.last_heard = asyncio.get_running_loop().time()
