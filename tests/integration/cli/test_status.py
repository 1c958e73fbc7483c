"""What `mycel-runtime status` prints of a report."""

from __future__ import annotations

from mycel_runtime.cli.status import _lines
from mycel_runtime.daemon.hearing_report import HearingReport, StreamTroubleReport
from mycel_runtime.daemon.speaking_report import OpenQuestionsReport, SpeakingReport, WaitingUtteranceReport
from mycel_runtime.daemon.status import LogReport, Status
from mycel_runtime.daemon.work_report import BlockedChatReport, OldestReport, UnavailableReport, WorkReport

NOW = 1_000.0


def report(**more):
    told = {
        "agent": "a",
        "server": "http://backend",
        "user_id": "u",
        "version": "1",
        "pid": 7,
        "started_at": NOW - 60,
        "now": NOW,
        "ready": True,
        "problems": (),
        "hearing": HearingReport(),
        "speaking": SpeakingReport(),
        "work": WorkReport(),
        "events": {},
    }
    return Status(**told | more)


def test_the_oldest_that_waits_is_named_with_its_age_and_attempts():
    oldest = OldestReport(
        handler="p.answer", lane="chat:c", chat_id="c", attempts=3, since=NOW - 95, due_at=NOW + 5
    )

    lines = _lines(report(work=WorkReport(due=1, oldest=oldest)))

    assert (
        "  work      1 due, 0 running, oldest waits 95 s: chat:c for p.answer, 3 failed attempts,"
        " 0 dead letters, 0 frames kept" in lines
    )


def test_one_is_not_many():
    lines = _lines(report(work=WorkReport(dead_letters=1, journal_entries=1, abandoned_tasks=1)))

    assert "  work      0 due, 0 running, 1 dead letter, 1 frame kept, 1 task abandoned" in lines


def test_dead_letters_that_went_for_their_age_are_counted():
    lines = _lines(report(work=WorkReport(letters_expired=2)))

    assert "  work      0 due, 0 running, 0 dead letters, 2 dead letters expired, 0 frames kept" in lines


def test_a_chat_that_cannot_be_read_is_named_with_what_the_server_says():
    blocked = BlockedChatReport(chat_id="c", operation="read", since=NOW - 120, reason="HTTP 500: boom")

    lines = _lines(report(work=WorkReport(blocked_chats=(blocked,))))

    assert lines[1] == "  ! chat c: no read succeeds since 120 s: HTTP 500: boom"


def test_a_plugin_that_lacks_something_is_named_with_the_fix_and_the_way_back():
    lacking = UnavailableReport(plugin="acp", reason="Unavailable: the agent needs a login. Log in")

    lines = _lines(report(work=WorkReport(quarantined=("acp",), unavailable=(lacking,))))

    assert lines[1] == (
        "  ! plugin acp is left alone: Unavailable: the agent needs a login. Log in; its work waits."
        " `mycel-runtime resume acp` tries at once"
    )


def test_what_waits_long_to_be_said_first_is_named():
    waiting = WaitingUtteranceReport(handler="p.post", chat_id="c", since=NOW - 90, attempts=1)

    lines = _lines(report(speaking=SpeakingReport(waiting=(waiting,))))

    assert lines[1] == "  ! chat c: what p.post is to say first waits since 90 s, 1 failed attempt"


def test_open_questions_are_counted_and_the_oldest_is_named():
    questions = OpenQuestionsReport(count=3, plugin="p", name="when", chat_id="c", since=NOW - 95)

    lines = _lines(report(speaking=SpeakingReport(questions=questions)))

    (speaking,) = [line for line in lines if line.startswith("  speaking")]
    assert speaking.endswith("0 unknown, 3 open questions, oldest since 95 s: p's when in chat c")


def test_why_no_stream_stands_is_shown_with_the_fix():
    trouble = StreamTroubleReport(
        cause="proxy_refused", reason="403", since=0.0, polled=True, fix="Let it allow CONNECT."
    )
    lines = _lines(report(hearing=HearingReport(trouble=trouble)))

    assert [line for line in lines if "proxy_refused: Let it allow CONNECT." in line]


def test_lines_that_were_lost_are_shown():
    assert _lines(report(log=LogReport(dropped_lines=3)))[-1] == "  log       3 lines dropped"
    assert not any("log" in line for line in _lines(report()))
