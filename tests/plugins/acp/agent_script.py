"""
What the fake agent is to do, written by a test and read by the agent's process, and what it has been asked.

    agent = ScriptedAgent(tmp_path / "agent")
    agent.play(Script(replay="after", turns=[Turn(when="hello", steps=[Step(do="say", text="Hi.")])]))
    ...  # start `agent.command`
    assert [line["text"] for line in agent.record("prompt")] == ["hello"]

All of it lies in one folder, which outlives the agent's process: a session can be loaded by the next one.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from collections.abc import Sequence

PROGRAM: Final = Path(__file__).with_name("fake_agent.py")

NEEDS_LOGIN: Final = -32000
"""Source: the protocol's code of "authentication required"."""


class _Strict(BaseModel):
    """A misspelt key fails in the test that has written it."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Step(_Strict):
    """
    One thing that happens in a turn.

    Texts may hold `{text}` (all that the prompt says), `{last}` (its last line), `{turn}` (the number of this turn in
    its session, from 1) and `{session}`.
    """

    do: Literal[
        "say",  # the model's text: one chunk, or `count` chunks
        "notice",  # the vendor's own text in a chunk like the model's, without the model's messageId
        "think",  # a chunk of thought
        "fill",  # one chunk of `count` times the letter x
        "raw",  # `text` as a line of its own on standard output; `{ff}` is that byte
        "ask",  # permission for a tool of `kind` at `path`; refused, the tool fails, and the turn goes on
        "tool",  # a tool of `kind` at `path`, without asking
        "write",  # writes `text` to `path` (relative to the session's folder), without asking
        "plan",  # a plan whose one entry is `text`
        "read_file",  # asks the client for `path`; the answer is recorded
        "terminal",  # asks the client to run `text`; the answer is recorded
        "vendor",  # a request of the vendor's own named `text`; the answer is recorded
        "use",  # the tool `tool` of its server, with `text`, in the chat; what it is told is recorded
        "use_later",  # the same after `seconds`, while the turn goes on to its end
        "silence",  # nothing for `seconds`; for ever without them
        "wait_for",  # nothing until the session has a prompt that holds `text`
        "work",  # keeps a processor busy for `seconds`, silently
        "chatter",  # `count` bytes to standard error, whether or not anybody reads them
        "child",  # a program that runs for `seconds` in the agent's process group
        "orphan",  # the same in a session of its own
        "exit",  # ends the process with `code`
        "kill",  # ends the process by SIGKILL
        "deaf",  # reads nothing any more from standard input
        "fail",  # the prompt is answered by an error: `code` and `text`
        "stop",  # the prompt is answered by the stop reason `text`, which need not be one that exists
    ]
    text: str = ""
    message_id: str | None = None
    count: int = 1
    seconds: float | None = None
    kind: str = "execute"
    path: str = ""
    tool: str = "reply"
    code: int = 0


ANSWER: Final = Step(do="say", text="You said: {last}")


class Turn(_Strict):
    """What is done for a prompt that holds `when`; after `times` of them, in all processes, the next that fits."""

    steps: tuple[Step, ...] = (ANSWER,)
    when: str = ""
    times: int | None = None


class Script(_Strict):
    """How the agent behaves. The default is one without a fault."""

    name: str = "fake-agent"
    version: str = "1.0.0"
    protocol: int = 1
    start_seconds: float = 0
    """Until `initialize` is answered."""
    reads: bool = True
    """Whether it reads its standard input at all."""
    chatter_bytes: int = 0
    """To standard error, before anything else."""

    login: Literal["given", "needed_by_new", "needed_by_prompt"] = "given"
    sessions: Literal["own", "by_folder"] = "own"
    """Whether the session's id follows from its folder, so that two in one folder are the same."""
    modes: tuple[str, ...] = ("default", "plan", "yolo")
    """The first is that of a new session."""
    closes: bool = True
    """Whether it offers session/close."""

    loads: Literal["known", "any", "none", "never", "not_at_first"] = "known"
    """
    Which sessions can be loaded: those that are known; any id, as a new session; none, as it does not offer it; none,
    with an error; known ones, with an error the first time.
    """
    load_seconds: float = 0
    replay: Literal["before", "after", "none"] = "before"
    """When a loaded session's old texts are sent: before the answer to session/load, or after it."""
    replay_seconds: float = 0.1
    """With `after`: how long after it. A prompt that comes sooner is answered behind the old texts."""

    message_ids: bool = True
    """Whether the model's text has a messageId."""
    second_prompt: Literal["queued", "refused", "merged", "cancels", "mixed"] = "queued"
    """
    What becomes of a prompt in a session whose turn is going on: it waits; -32603; its text joins the first one's and
    has no answer of its own; the first one ends as cancelled; both run at once.
    """
    cancel: Literal["heeded", "ignored", "late"] = "heeded"
    """`late` says half a sentence more before it ends as cancelled."""
    sigterm: Literal["heeded", "ignored"] = "heeded"
    input_ends: Literal["exits", "stays"] = "exits"

    turns: tuple[Turn, ...] = Field(default=(Turn(),))


@dataclass(frozen=True, slots=True)
class ScriptedAgent:
    """The folder of one fake agent. It is made with the first script."""

    folder: Path

    @property
    def command(self) -> list[str]:
        return [sys.executable, str(PROGRAM), str(self.folder)]

    @property
    def wrapped_command(self) -> list[str]:
        """By way of a wrapper, which dies of SIGTERM alone and leaves the agent behind."""
        return [sys.executable, str(PROGRAM), "--wrapped", str(self.folder)]

    def play(self, script: Script) -> None:
        """From the agent's next request on."""
        self.folder.mkdir(parents=True, exist_ok=True)
        fresh = self.folder / "script.json.new"
        fresh.write_text(script.model_dump_json(exclude_defaults=True))
        fresh.replace(self._script_file)

    def script(self) -> Script:
        return Script.model_validate_json(self._script_file.read_bytes())

    def record(self, *events: str) -> list[dict[str, Any]]:
        """
        What happened to the agent, in order; only the named events, if there are names.

        Each has `event` and `pid`: started (`cwd`, `arguments`), initialize, new (`session`, `cwd`, `servers`), load,
        mode, prompt (`session`, `text`, `blocks`), turn (`rule`), cancel, close, permission (`answer`), answered
        (`answer` or `error`), used (`error`, `told`), child (`child`), ended.
        """
        try:
            lines = self._record_file.read_bytes().splitlines()
        except FileNotFoundError:
            return []
        found = [json.loads(line) for line in lines]
        return [line for line in found if not events or line["event"] in events]

    def note(self, event: str, **values: Any) -> None:
        """Called by the agent; whole lines only, whichever processes write."""
        line = json.dumps({"event": event, "pid": os.getpid(), **values}).encode() + b"\n"
        file = os.open(self._record_file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(file, line)
        finally:
            os.close(file)

    def prompts(self) -> list[str]:
        return [line["text"] for line in self.record("prompt")]

    def session_file(self, session_id: str) -> Path:
        return self.folder / "sessions" / f"{session_id}.json"

    @property
    def _script_file(self) -> Path:
        return self.folder / "script.json"

    @property
    def _record_file(self) -> Path:
        return self.folder / "record.jsonl"


def says(*texts: str) -> Sequence[Step]:
    return tuple(Step(do="say", text=text) for text in texts)
