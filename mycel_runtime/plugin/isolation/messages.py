"""
What the runtime and a plugin's process say to each other: one JSON object per line, in both directions. Pure.

The runtime says `Load`, and is answered `Described` or, before the end, `Refused`. Then, one run at a time: the
runtime may say `Styled`; it says a `Run`; the process asks with a `Question` as often as it likes, and is given an
`Answer` each time before it goes on; it ends the run with an `Ending`. What a process says bears the name of its run,
which nobody can guess: what an earlier run of the same process has left behind must not speak in this one's chat.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Final, Literal, TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from mycel_runtime.errors import MycelError
from mycel_runtime.observe.log_style import LogFormat, LogLevel
from mycel_runtime.plugin.json_text import VALUE_BYTES
from mycel_runtime.plugin.store import KEY_CHARACTERS

MISTAKE_CHARACTERS: Final = 1_000
"""What is wrong with an argument, at most."""


LATE_CALLS: Final = 2**53
"""That a process can tell of, at most: what a metric counts exactly."""


class ProtocolError(MycelError):
    """A line that is none of the messages which may come now."""


class Message(BaseModel):
    """One line. The `repr` of those that carry texts of users must not reach a log."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, defer_build=True)


class Load(Message):
    """
    The plugin to load: the first line to a process.

    Attributes:
        table: `[plugins.NAME]`, without what the runtime itself reads of it.
        config: The file that the table is in.
        credentials: Texts of those of systemd's that the table names.
    """

    kind: Literal["load"] = "load"
    name: str
    table: dict[str, Any]
    config: str
    credentials: dict[str, str] = Field(default={}, repr=False)


class Styled(Message):
    """
    How lines are to be written from the next run on: said before the first one, and when it has changed.

    Attributes:
        agent: Whose lines they are.
    """

    kind: Literal["styled"] = "styled"
    agent: str
    level: LogLevel
    format: LogFormat


class MessageFilters(Message):
    """A `MessageSubscription`."""

    kind: Literal["messages"] = "messages"
    chat: Literal["direct", "group", "any"]
    mention: bool
    sender: Literal["human", "agent", "any"]
    pattern: str | None
    notifications: bool | Literal["only"]


class FramePattern(Message):
    """A `FrameSubscription`."""

    kind: Literal["frames"] = "frames"
    pattern: str
    event_kind: Literal["frame", "relationship", "join_request", "chat", "workflow_event"]


class TimerName(Message):
    """A `TimerSubscription`."""

    kind: Literal["timer"] = "timer"
    name: str


class QuestionName(Message):
    """An `AnswerSubscription`."""

    kind: Literal["answer"] = "answer"
    name: str


class ScheduleText(Message):
    """A `ScheduleSubscription`, with its schedule's text."""

    kind: Literal["schedule"] = "schedule"
    schedule: str
    catch_up: bool


class HookMoment(Message):
    """A `HookSubscription`."""

    kind: Literal["hook"] = "hook"
    moment: Literal["start", "stop"]
    order: int


class HandlerDescription(Message):
    """
    A `Handler`, without its functions.

    Attributes:
        on_give_up: Its text; `True`: it is a function.
    """

    id: str
    is_async: bool
    on_conflict: Literal["rerun", "repeat", "raise", "drop"]
    quiet: float
    timeout: float | None
    max_attempts: int | None
    on_give_up: str | Literal[True] | None
    interrupt: str | None
    subscription: Annotated[
        MessageFilters | FramePattern | TimerName | QuestionName | ScheduleText | HookMoment,
        Field(discriminator="kind"),
    ]


class Described(Message):
    """The plugin is loaded, and this is what it is."""

    kind: Literal["described"] = "described"
    plugin: str
    origin: str
    version: str
    handlers: tuple[HandlerDescription, ...]


class Refused(Message):
    """
    The plugin cannot be loaded; the process ends.

    Attributes:
        problem, where, fix: As of a `PluginError`.
        is_import: The plugin's code is at fault, not its configuration.
    """

    kind: Literal["refused"] = "refused"
    problem: str
    where: str
    fix: str
    is_import: bool


class ChatMessage(Message):
    """
    A message of a chat.

    Attributes:
        raw: The API's object.
        sender_type: As of a `Sender`.
    """

    raw: dict[str, Any]
    sender_type: str


class GuardView(Message):
    """A `Guard`."""

    turns: int
    turns_left: int
    is_held: bool


class KeptItem(Message):
    """An `Item`."""

    value: str
    version: int


class GivenState(Message):
    """
    A `PluginState`.

    Attributes:
        now: What its clock shows as the run begins.
        is_still: It goes on to show that.
    """

    items: dict[str, KeptItem]
    chat_items: dict[str, KeptItem]
    timer_names: tuple[str, ...]
    question_names: tuple[str, ...]
    now: float
    is_still: bool = False


class ChangedItem(Message):
    """An `ItemChange`; `is_of_chat`: of the run's chat, and not of the plugin as a whole."""

    is_of_chat: bool
    key: Annotated[str, Field(min_length=1, max_length=KEY_CHARACTERS)]
    value: Annotated[str, Field(max_length=VALUE_BYTES)] | None
    made_from: int | None


class PlannedTimer(Message):
    """A `NewTimer`."""

    name: str
    key: Annotated[str, Field(max_length=KEY_CHARACTERS)]
    due_at: Annotated[float, Field(allow_inf_nan=False)]
    data: Annotated[str, Field(max_length=VALUE_BYTES)]
    is_relative: bool


class MadeChanges(Message):
    """`Changes`; the timers that are cancelled by name and key."""

    items: tuple[ChangedItem, ...] = ()
    timers: tuple[PlannedTimer, ...] = ()
    cancelled: tuple[tuple[str, str], ...] = ()


class SaidReply(Message):
    """A `Sent`."""

    message_id: str
    seq: int


class _Run(Message):
    """
    Run a handler.

    Attributes:
        state: What it is given of what its plugin remembers.
        run: Name of the run.
        handler: Its id.
        me, attempt: As in its context.
        deadline: As in its context. The clock is the same for all processes of a machine.
            Source: `time.monotonic` in the Python library reference.
    """

    run: str
    handler: str
    me: str
    attempt: int
    deadline: float
    state: GivenState


class AskedQuestion(Message):
    """A `Question`; `asked_at` in epoch seconds."""

    name: str
    data: Any
    chat_id: str
    user_id: str | None
    asked_at: float
    outcome: Literal["answered", "timed_out", "unsaid"]
    message_id: str | None
    seq: int | None


class ChatRun(_Run):
    """Run a handler in a chat, with what its `MessageContext` shows."""

    chat_id: str
    chat_type: str
    messages: tuple[ChatMessage, ...]
    guard: GuardView
    unsaid: tuple[str, ...]
    failure: str
    said: tuple[SaidReply, ...]


class MessageRun(ChatRun):
    """Run a handler of messages."""

    kind: Literal["message_run"] = "message_run"


class AnswerRun(ChatRun):
    """Run a handler of answers."""

    kind: Literal["answer_run"] = "answer_run"
    question: AskedQuestion
    meanwhile: tuple[ChatMessage, ...]


class FrameRun(_Run):
    """
    Run a handler of frames, with what its context shows.

    Attributes:
        subject: What the frame is about, as the API shows it.
    """

    kind: Literal["frame_run"] = "frame_run"
    event_type: str
    metadata: dict[str, Any]
    subject: dict[str, Any] | None


class TimerRun(_Run):
    """Run a handler of a timer or a schedule, with what its `TimerContext` shows; `due_at` in epoch seconds."""

    kind: Literal["timer_run"] = "timer_run"
    name: str
    key: str
    data: Any
    due_at: float


class HookRun(_Run):
    """Run a hook of the agent's start or stop."""

    kind: Literal["hook_run"] = "hook_run"
    moment: Literal["start", "stop"]


class _OfRun(Message):
    run: str


class Question(_OfRun):
    """
    A call of the context's port, answered by `Answered`.

    Attributes:
        method: Its name, as `plugin.port` has it.
        arguments: JSON. Whoever does the work checks them.
    """

    kind: Literal["question"] = "question"
    method: str
    arguments: tuple[Any, ...]


class Effect(Message):
    """A call of the port that awaits nothing; as a `Question`, and answered by nobody."""

    method: str
    arguments: tuple[Any, ...]


class _Ended(_OfRun):
    """
    How the handler ended.

    Attributes:
        late_calls: How often a run of this process was used after its end, since the last one that ended here.
    """

    late_calls: Annotated[int, Field(ge=0, le=LATE_CALLS)] = 0


class Returned(_Ended):
    """The handler returned; `effects`: what it has asked for to happen then, in that order."""

    kind: Literal["returned"] = "returned"
    effects: tuple[Effect, ...] = ()
    changes: MadeChanges = MadeChanges()


class Stopped(_Ended):
    """The handler was ended by the answer `Stop`."""

    kind: Literal["stopped"] = "stopped"


class RetryRaised(_Ended):
    """The handler raised `Retry`."""

    kind: Literal["retry"] = "retry"
    after: Annotated[float, Field(ge=0, allow_inf_nan=False, strict=True)] | None
    why: str = ""


class RejectRaised(_Ended):
    """The handler raised `Reject`."""

    kind: Literal["reject"] = "reject"
    why: str
    is_told: bool = True


class UnavailableRaised(_Ended):
    """The handler raised `Unavailable`."""

    kind: Literal["unavailable"] = "unavailable"
    why: str
    fix: str = ""


class Raised(_Ended):
    """
    The handler raised something else.

    Attributes:
        error: Name of its type.
        is_api: It is an `ApiError`: that of the last `Failed`, if there was one.
        mistake: Of an `ArgumentError`, be it by a question or by what needs none, as the store: what is wrong.
        trace: Files, lines and functions; no values.
    """

    kind: Literal["raised"] = "raised"
    error: str
    is_api: bool
    mistake: Annotated[str, Field(max_length=MISTAKE_CHARACTERS)] = ""
    trace: str


class Answered(Message):
    """What the port's method has returned, as JSON."""

    kind: Literal["answered"] = "answered"
    value: Any


class Failed(Message):
    """
    The question ended with an `ApiError`, to be raised in the handler.

    Attributes:
        error: Name of its type.
        status, detail: As of the error.
    """

    kind: Literal["failed"] = "failed"
    error: str
    status: int
    detail: str


class Mistaken(Message):
    """The question cannot be asked: an `ArgumentError`, to be raised in the handler; `error`: name of its type."""

    kind: Literal["mistaken"] = "mistaken"
    error: str
    problem: str
    fix: str


class Stop(Message):
    """The runtime has ended the run: nothing is answered any more, and the handler is to end."""

    kind: Literal["stop"] = "stop"


M = TypeVar("M")

Description: TypeAlias = Annotated[Described | Refused, Field(discriminator="kind")]
Run: TypeAlias = Annotated[
    MessageRun | AnswerRun | FrameRun | TimerRun | HookRun, Field(discriminator="kind")
]
Ending: TypeAlias = Returned | Stopped | RetryRaised | RejectRaised | UnavailableRaised | Raised
Answer: TypeAlias = Annotated[Answered | Failed | Mistaken | Stop, Field(discriminator="kind")]

_LATE: Final = ConfigDict(defer_build=True)
"""Built when the first line is understood: most processes have no isolated plugin."""

LOAD: Final = TypeAdapter(Load)
DESCRIPTION: Final[TypeAdapter[Described | Refused]] = TypeAdapter(Description, config=_LATE)
RUN: Final[TypeAdapter[Styled | MessageRun | AnswerRun | FrameRun | TimerRun | HookRun]] = TypeAdapter(
    Annotated[Styled | MessageRun | AnswerRun | FrameRun | TimerRun | HookRun, Field(discriminator="kind")],
    config=_LATE,
)
ANSWER: Final[TypeAdapter[Answered | Failed | Mistaken | Stop]] = TypeAdapter(Answer, config=_LATE)
SAID_IN_A_RUN: Final[TypeAdapter[Question | Ending]] = TypeAdapter(
    Annotated[Question | Ending, Field(discriminator="kind")], config=_LATE
)
"""What may come at a point of the conversation, for `decode`."""


def encode(message: Message) -> bytes:
    """Its line. Half a surrogate pair, which a server may send, is escaped: the two sides are Python."""
    return json.dumps(message.model_dump(), default=str).encode() + b"\n"


def decode(line: bytes, expected: TypeAdapter[M]) -> M:
    """
    Understand a line.

    Args:
        line: As received.
        expected: What may come now.

    Raises:
        ProtocolError: It is none of these.
    """
    try:
        return expected.validate_python(json.loads(line))
    except (ValueError, RecursionError) as exc:
        what = (
            exc.errors(include_url=False)[0]["type"]
            if isinstance(exc, ValidationError)
            else type(exc).__name__
        )
        raise ProtocolError(f"a plugin's process has said what nobody expected: {what}") from None
