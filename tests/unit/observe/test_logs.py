"""Facts become log lines."""

from __future__ import annotations

import dataclasses
import io
import json
import logging
from datetime import UTC, datetime

import pytest
import structlog

from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.observe import facts
from mycel_runtime.observe.facts import (
    CallRetried,
    DeliveryBuried,
    Fact,
    JobFailed,
    MessageSent,
    ReconcileFinished,
    StreamEnded,
    UnhandledErrorRaised,
)
from mycel_runtime.observe.library_logs import TALKATIVE
from mycel_runtime.observe.log_style import LogStyle, lines_of
from mycel_runtime.observe.logs import LogObserver, configure_logging, line_writer, logger_of, restyle
from mycel_runtime.observe.observer import Choosy, FanOut, Silent
from mycel_runtime.observe.output import BoundedWriter

DEADLINE = 60.0

FACTS = [
    value
    for value in vars(facts).values()
    if isinstance(value, type) and issubclass(value, Fact) and value is not Fact
]


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: fact.__name__)
def test_a_fact_is_named_noun_verb_and_has_no_room_for_a_text(fact):
    noun, verb = fact.name.split(".")
    fields = {field.name for field in dataclasses.fields(fact)}

    assert noun.isidentifier()
    assert verb.replace("_", "").isalpha()
    assert fact.level in {"debug", "info", "warning", "error"}
    assert not fields & {"content", "text", "token", "body", "message", "traceback"}


def test_names_are_unique():
    names = [fact.name for fact in FACTS]

    assert sorted(set(names)) == sorted(names)


def test_a_line_is_one_json_object_with_the_facts_fields(capsys):
    configure_logging(LogStyle(format="json"))

    LogObserver({"agent": "a"}).tell(MessageSent(handler="h", chat_id="c", message_seq=3))

    line = json.loads(capsys.readouterr().err)
    assert line.pop("timestamp")
    assert line == {
        "agent": "a",
        "event": "message.sent",
        "level": "info",
        "handler": "h",
        "chat_id": "c",
        "message_seq": 3,
        "recovered": False,
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Odd(Fact):
    name = "odd.happened"
    value: object


@pytest.mark.parametrize(
    "value",
    ['"\\\n\x00\x7f\x9b\u2028é', -3, 2**70, True, None, 0.1, 1e300, [1, [None, "a"]], {"a": {"b": False}}],
)
def test_a_facts_values_are_in_its_line_as_they_are_whatever_they_are(capsys, value):
    configure_logging(LogStyle(format="json"))

    with structlog.contextvars.bound_contextvars(of_a_handler=1, value=2):
        LogObserver({}).tell(Odd(value=value))

    line = json.loads(capsys.readouterr().err)
    assert datetime.fromisoformat(line.pop("timestamp")).tzinfo == UTC
    assert repr(line) == repr({"value": value, "event": "odd.happened", "of_a_handler": 1, "level": "info"})


def test_each_agents_lines_are_as_its_own_file_says(capsys):
    configure_logging(
        LogStyle(format="json"),
        {"loud": LogStyle(level="debug", format="json"), "curt": LogStyle(level="error", format="console")},
    )

    for agent in ("loud", "curt"):
        LogObserver({"agent": agent}).tell(ReconcileFinished(reason="r", drained=0, unread_chats=0, events=0))
        LogObserver({"agent": agent}).tell(JobFailed(job="j", error="E"))
    LogObserver({}).tell(ReconcileFinished(reason="r", drained=0, unread_chats=0, events=0))
    structlog.get_logger().bind(agent="curt").info("of a handler")

    first, second, third = capsys.readouterr().err.splitlines()
    assert [json.loads(line)["event"] for line in (first, second)] == ["reconcile.finished", "job.failed"]
    assert "job.failed" in third
    assert not third.startswith("{")


@pytest.mark.parametrize("log_format", ["console", "json"])
def test_a_servers_text_does_not_steer_the_terminal(capsys, log_format):
    configure_logging(LogStyle(format=log_format))

    LogObserver({}).tell(StreamEnded(reason="a\x1b]0;owned\x07\r\nerror: forged\x9b2J", lasted=1.0))

    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert not set(told[:-1]) & {chr(code) for code in (*range(0x20), *range(0x7F, 0xA0))}
    if log_format == "json":
        assert json.loads(told)["reason"].endswith("\x9b2J")


def test_a_traceback_on_a_terminal_shows_no_values(capsys):
    configure_logging(LogStyle(format="console"))

    def failing():
        secret = "the text of a message"  # noqa: F841 - what must not be shown
        raise ValueError

    try:
        failing()
    except ValueError:
        structlog.get_logger().exception("of a handler")

    told = capsys.readouterr().err
    assert "ValueError" in told
    assert "the text of a message" not in told


def test_the_same_fact_of_a_storm_has_one_line_a_second(capsys):
    configure_logging(LogStyle(format="json"))
    now = [0.0]
    observer = LogObserver({}, clock=lambda: now[0], later=lambda _seconds, _call: None)
    storm = UnhandledErrorRaised(
        kind="task", error="OSError", trace="selector_events.py:1 in _accept_connection"
    )

    for now[0] in (0.0, 0.1, 0.9):
        observer.tell(storm)
    observer.tell(JobFailed(job="j", error="E"))
    now[0] = 1.5
    observer.tell(storm)

    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [(line["event"], line.get("repeated")) for line in lines] == [
        (storm.name, None),
        ("job.failed", None),
        (storm.name, 2),
    ]


def test_what_ends_a_storm_is_told_when_its_second_is_over(capsys):
    configure_logging(LogStyle(format="json"))
    now, waiting = [0.0], []
    observer = LogObserver({}, clock=lambda: now[0], later=lambda *wish: waiting.append(wish))
    retried = {"method": "GET", "error": "ConnectError"}

    for attempt in range(1, 6):
        now[0] = attempt / 10
        observer.tell(CallRetried(**retried, attempt=attempt, retry_in=1.0))
    ((seconds, tell_due),) = waiting
    now[0] += seconds
    tell_due()
    observer.tell(CallRetried(**retried, attempt=6, retry_in=1.0))
    assert len(waiting) == 2

    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [(line["attempt"], line.get("repeated")) for line in lines] == [(1, None), (5, 3)]
    assert sum(1 + line.get("repeated", 0) for line in lines) == 5


def test_levels_and_formats_change_under_loggers_that_are_in_use(capsys):
    configure_logging(LogStyle(format="json"), {"a": LogStyle(format="json")})
    observer, library = LogObserver({"agent": "a"}), logging.getLogger("a.library")
    with lines_of("a"):
        log = logger_of(handler="p.h")

    def tell_all(times=iter(range(9))):  # noqa: B008 - counts its calls
        observer.tell(ReconcileFinished(reason="r", drained=0, unread_chats=0, events=0))
        log.debug("of a handler")
        library.debug("of a library: %d", next(times))
        return capsys.readouterr().err.splitlines()

    assert tell_all() == []
    restyle("a", LogStyle(level="debug", format="json"))
    assert [json.loads(line)["event"] for line in tell_all()] == [
        "reconcile.finished",
        "of a handler",
        "of a library: 1",
    ]
    restyle("b", LogStyle(level="debug", format="json"))
    restyle("a", LogStyle(level="debug", format="console"))
    assert [line.startswith("{") for line in tell_all()] == [False, False, False]
    restyle("b", LogStyle(level="error"))
    restyle("a", LogStyle(level="error"))
    assert tell_all() == []


def test_what_happens_twice_has_two_lines_however_alike(capsys):
    """Two letters of one lane, buried within a second, differ in nothing that is told."""
    configure_logging(LogStyle(format="json"))
    observer = LogObserver({}, clock=lambda: 0.0)

    for _ in range(2):
        observer.tell(DeliveryBuried(handler="p.h", lane="chat:c", reason="ValueError", attempts=1))

    assert len(capsys.readouterr().err.splitlines()) == 2


def test_an_observer_that_raises_reaches_nobody():
    class Failing(Silent):
        def tell(self, fact):
            raise RuntimeError

    class Remembering(Silent):
        told = 0

        def tell(self, fact):
            self.told += 1

    last = Remembering()
    observers = FanOut([Failing(), last])

    observers.tell(JobFailed(job="j", error="E"))

    assert (last.told, observers.failed) == (1, 1)


def test_talkative_libraries_are_held_back():
    configure_logging(LogStyle(level="debug", format="json"))

    assert {logging.getLogger(name).level for name in TALKATIVE} == {logging.WARNING}


def test_every_observer_is_told():
    class Counting(Silent):
        told = 0

        def tell(self, fact):
            self.told += 1

    first, second = Counting(), Counting()

    FanOut([first, Silent(), second]).tell(MessageSent(handler="h", chat_id="c", message_seq=3))

    assert (first.told, second.told) == (1, 1)


class Picky(Choosy):
    """Takes notice of one kind."""

    def __init__(self):
        self.told = []

    @property
    def kinds(self):
        return (MessageSent,)

    def tell(self, fact):
        self.told.append(fact)


def test_a_choosy_observer_is_told_of_its_kinds_only():
    picky, sent = Picky(), MessageSent(handler="h", chat_id="c", message_seq=3)
    observers = FanOut([Silent()], choosy=[picky])

    for fact in (sent, JobFailed(job="j", error="E"), sent):
        observers.tell(fact)

    assert picky.told == [sent, sent]


def test_a_line_goes_straight_to_the_bounded_writer_and_is_whole(tmp_path):
    """A text stream would put it behind what somebody printed without an end."""
    with (tmp_path / "log").open("wb", buffering=0) as log:
        writer = BoundedWriter(log.fileno())
        stream = io.TextIOWrapper(writer, encoding="utf-8", line_buffering=True)
        stream.write("no end")
        line_writer(stream)("é \udcff")
        writer.drain(DEADLINE)

    assert (tmp_path / "log").read_bytes() == "é \\udcff\n".encode()


def test_to_another_stream_lines_are_printed():
    stream = io.StringIO()

    line_writer(stream)("line")

    assert stream.getvalue() == "line\n"
