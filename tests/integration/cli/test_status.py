"""What `mycel-runtime status` prints of a report."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from mycel_runtime.cli import target
from mycel_runtime.cli.main import cli
from mycel_runtime.cli.status_filter import StatusFilter
from mycel_runtime.cli.status_lines import lines_of
from mycel_runtime.cli.status_table import Row, table_of
from mycel_runtime.daemon import state_dir
from mycel_runtime.daemon.held_loop import HeldLoopReport
from mycel_runtime.daemon.reports.hearing_report import HearingReport, StreamTroubleReport
from mycel_runtime.daemon.reports.journal_report import (
    DAY_SECONDS,
    FEW_FREE_BYTES,
    LEAST_FREE_BYTES,
    JournalGrowth,
    JournalReport,
)
from mycel_runtime.daemon.reports.plugin_report import plugin_reports
from mycel_runtime.daemon.reports.program_report import ConfigDrift, ProgramReport
from mycel_runtime.daemon.reports.speaking_report import (
    OpenQuestionsReport,
    SpeakingReport,
    WaitingUtteranceReport,
)
from mycel_runtime.daemon.reports.work_report import (
    BlockedChatReport,
    OldestReport,
    UnavailableReport,
    WorkReport,
)
from mycel_runtime.daemon.standby import StandbyReport
from mycel_runtime.daemon.status import LogReport, Status, schema_text
from mycel_runtime.dispatch.lifecycle import Start
from mycel_runtime.errors import NoDaemonError
from mycel_runtime.journal.sqlite.files import SqliteFiles
from mycel_runtime.journal.summary import NextTimer

SCHEMA = Path(__file__).parents[3] / "systemd" / "status.schema.json"

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
        handler="p.answer",
        lane="chat:c",
        chat_id="c",
        attempts=3,
        since=NOW - 95,
        due_at=NOW + 5,
        last_error="ValueError (mine.py:3 in answer)",
    )

    lines = lines_of(report(work=WorkReport(due=1, oldest=oldest)))

    assert (
        "  work      1 due, 0 running, oldest waits 95 s: chat:c for p.answer, 3 failed attempts,"
        " last by ValueError (mine.py:3 in answer), 0 dead letters, 0 frames so far" in lines
    )


def test_one_is_not_many():
    lines = lines_of(report(work=WorkReport(dead_letters=1, journal_entries=1, abandoned_tasks=1)))

    assert "  work      0 due, 0 running, 1 dead letter, 1 frame so far, 1 task abandoned" in lines


def test_dead_letters_that_went_for_their_age_are_counted():
    lines = lines_of(report(work=WorkReport(letters_expired=2)))

    assert "  work      0 due, 0 running, 0 dead letters, 2 dead letters expired, 0 frames so far" in lines


def test_a_chat_that_cannot_be_read_is_named_with_what_the_server_says():
    blocked = BlockedChatReport(chat_id="c", operation="read", since=NOW - 120, reason="HTTP 500: boom")

    lines = lines_of(report(work=WorkReport(blocked_chats=(blocked,))))

    assert lines[1] == "  ! chat c: no read succeeds since 120 s: HTTP 500: boom"


def test_a_plugin_that_lacks_something_is_named_with_the_fix_and_the_way_back():
    lacking = UnavailableReport(plugin="acp", reason="Unavailable: the agent needs a login. Log in")

    lines = lines_of(report(work=WorkReport(quarantined=("acp",), unavailable=(lacking,))))

    assert lines[1] == (
        "  ! plugin acp is left alone: Unavailable: the agent needs a login. Log in; its work waits."
        " `mycel-runtime resume acp` tries at once"
    )


def test_a_handler_that_kept_the_loop_is_named_with_what_to_do():
    held = HeldLoopReport(handler="p.spin", seconds=12.3, at=NOW - 40, times=2)

    lines = lines_of(report(held_loop=held))

    assert lines[1] == (
        "  ! handler p.spin has kept the event loop from everybody else for 12.3 s, told 40 s ago,"
        ' 2 times since the start: let it await, make it a plain def, or set isolation = "process"'
    )


def test_what_waits_long_to_be_said_first_is_named():
    waiting = WaitingUtteranceReport(handler="p.post", chat_id="c", since=NOW - 90, attempts=1)

    lines = lines_of(report(speaking=SpeakingReport(waiting=(waiting,))))

    assert lines[1] == "  ! chat c: what p.post is to say first waits since 90 s, 1 failed attempt"


def test_open_questions_are_counted_and_the_oldest_is_named():
    questions = OpenQuestionsReport(count=3, plugin="p", name="when", chat_id="c", since=NOW - 95)

    lines = lines_of(report(speaking=SpeakingReport(questions=questions)))

    (speaking,) = [line for line in lines if line.startswith("  speaking")]
    assert speaking.endswith("0 unknown, 3 open questions, oldest since 95 s: p's when in chat c")


def test_why_no_stream_stands_is_shown_with_the_fix():
    trouble = StreamTroubleReport(
        cause="proxy_refused", reason="403", since=0.0, polled=True, fix="Let it allow CONNECT."
    )
    lines = lines_of(report(hearing=HearingReport(trouble=trouble)))

    assert [line for line in lines if "proxy_refused: Let it allow CONNECT." in line]


def test_lines_that_were_lost_are_shown():
    assert lines_of(report(log=LogReport(dropped_lines=3)))[-1] == "  log       3 lines dropped"
    assert not any("log" in line for line in lines_of(report()))


def test_what_is_not_kept_beside_the_work_is_shown():
    lines = lines_of(report(log=LogReport(traces_lost="http://it", capture_failed="SQLITE_FULL")))

    assert "  ! http://it does not take traces: they are lost" in lines
    assert "  ! capturing what runs are shown fails, so that a replay reads it again: SQLITE_FULL" in lines


def test_the_schema_that_is_documented_is_the_models():
    """Mend it with `mycel-runtime status --schema`; what is taken away wants another `SCHEMA_VERSION`."""
    assert SCHEMA.read_text() == schema_text()
    assert CliRunner().invoke(cli, ["status", "--schema"]).stdout == schema_text()


def test_an_answer_says_which_schema_it_follows_and_is_read_again():
    answer = report().model_dump_json()

    assert json.loads(answer)["schema"] == 1
    assert Status.model_validate_json(answer) == report()


def test_several_agents_are_a_line_each_with_what_is_to_be_done():
    oldest = OldestReport(
        handler="p.answer", lane="chat:c", chat_id="c", attempts=3, since=NOW - 7_300, due_at=NOW
    )
    busy = report(
        agent="busy",
        ready=False,
        problems=("off",),
        work=WorkReport(due=10_000, dead_letters=2, oldest=oldest, quarantined=("llm",)),
        journal=JournalReport(size=12_345_678),
    )
    rows = [
        Row(name="well", status=report(hearing=HearingReport(proven_at=NOW - 5))),
        Row(name="busy", status=busy),
        Row(name="kept", status=report(journal=JournalReport(database="PostgreSQL db/agents"))),
        Row(name="next", status=report(standby=StandbyReport(holder="there, process 7", since=NOW))),
        Row(name="gone", trouble="NoDaemon"),
    ]

    assert table_of(rows) == [
        "AGENT  STATE      HEARD  DUE     OLDEST  DEAD  UNKNOWN  JOURNAL   WHAT IS WRONG",
        "well   ready      5s     0       -       0     0        0.0 MB",
        "busy   not ready  never  10000+  2h      2     0        12.3 MB   off; 2 dead letters; left alone: llm",
        "kept   ready      never  0       -       0     0        database",
        "next   standby    -      0       -       0     0        0.0 MB",
        "gone   no answer  -      -       -       -     -        -         NoDaemon",
    ]
    assert [row.wants_attention for row in rows] == [False, True, False, False, True]


@pytest.mark.parametrize("name", ["codex-a", "mycel-runtime@codex-a", "mycel-runtime@codex-a.service"])
def test_an_agent_is_known_by_its_unit(name, tmp_path, monkeypatch):
    monkeypatch.setattr(target, "UNIT_CONFIG", tmp_path)
    (tmp_path / "codex-a.toml").touch()
    assert target.config_of(name) == tmp_path / "codex-a.toml"


@pytest.mark.parametrize("state", ["state-second", "units/codex-a-second", "units-crew-second/units/codex-a"])
def test_a_worker_is_found_beside_its_agent_and_in_its_own_unit(state, tmp_path, monkeypatch):
    for module in (target, state_dir):
        monkeypatch.setattr(module, "UNIT_STATE", tmp_path / "units")
    agent = target.Target(
        config=tmp_path / "crew/a.toml", name="codex-a", state_dir=tmp_path / "state-second"
    )
    own = tmp_path / state / "workers/second"
    own.mkdir(parents=True)
    (own / "control.sock").touch()
    assert target.find_worker(agent, "second") == own
    assert target.find_worker(agent, "third") == tmp_path / "state-second/workers/third"


def test_a_path_is_no_unit(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("agents").mkdir()

    assert [target.config_of(each) for each in ("agents", "gone.toml", "./x")] == [
        Path("agents"),
        Path("gone.toml"),
        Path("x"),
    ]


def test_plugins_are_told_with_their_state_and_what_is_next():
    starts = [Start(plugin="late", attempts=2, retry_at=NOW + 9, reason="ValueError"), Start(plugin="new")]
    timers = [
        NextTimer("clock", "@tick", NOW + 30),
        NextTimer("clock", "?7", NOW + 31),
        NextTimer("clock", "remind", NOW + 32),
    ]
    plugins = plugin_reports(
        ["clock", "llm"],
        starts=starts,
        left_alone={"llm": NOW + 60, "acp": NOW + 5},
        unavailable={"acp": "Unavailable: log in"},
        timers=timers,
    )

    (line,) = [each for each in lines_of(report(plugins=plugins)) if each.startswith("  plugins")]
    assert line == (
        "  plugins   acp (unavailable, again in 5 s), clock (tick in 30 s, remind in 32 s),"
        " late (not started, again in 9 s), llm (left alone, again in 60 s), new (starting)"
    )


def test_another_version_and_a_changed_file_are_told_and_a_file_that_is_put_back_is_not(tmp_path):
    file = tmp_path / "agent.toml"
    file.write_text("a")
    drift = ConfigDrift(file)
    assert (drift.look(), ConfigDrift(None).look()) == ("ok", "unknown")
    file.write_text("b")
    program = ProgramReport(running="1", installed="2", config=drift.look())

    assert [line for line in lines_of(report(program=program)) if line.startswith("  program")] == [
        "  program   2 is installed, 1 runs: restart it to change that",
        "  program   the configuration was changed since it was read, and is not in force",
    ]
    file.write_text("a")
    assert drift.look() == "ok"
    file.unlink()
    assert drift.look() == "unknown"


def test_the_journals_growth_is_told_by_the_day_once_an_hour_has_shown_it(tmp_path):
    file = tmp_path / "journal.sqlite3"
    file.write_bytes(b"x" * 1_000)
    growth = JournalGrowth(SqliteFiles(file), now=NOW)
    (tmp_path / "journal.sqlite3-wal").write_bytes(b"x" * 500)

    early = growth.report(NOW + 60)
    assert (early.size, early.grown, early.bytes_per_day) == (1_500, 500, None)
    assert growth.report(NOW + DAY_SECONDS / 2).bytes_per_day == 1_000


def test_a_disk_that_is_almost_full_is_told_before_it_is_and_no_longer_when_there_is_room():
    cramped, roomy = (
        report(journal=JournalReport(size=1, free=free)) for free in (FEW_FREE_BYTES - 1, FEW_FREE_BYTES)
    )
    told = "  ! only 268.4 MB are free for the journal: make room, before nothing can be kept"
    assert told in lines_of(cramped)
    assert not any("make room" in line for line in lines_of(roomy))
    assert [Row(name="a", status=each).wants_attention for each in (cramped, roomy)] == [True, False]
    assert "only 268.4 MB free" in table_of([Row(name="a", status=cramped)])[1]


def test_that_a_disk_is_full_is_told_before_a_start_is_advised(tmp_path, monkeypatch):
    agent = target.Target(config=tmp_path / "agent.toml", name="a", state_dir=tmp_path)
    for free, advice in ((LEAST_FREE_BYTES - 1, "Make room in"), (LEAST_FREE_BYTES, "Start it: ")):
        monkeypatch.setattr(target, "free_bytes", lambda _, free=free: free)
        with pytest.raises(NoDaemonError) as raised:
            agent.status()
        assert str(raised.value).splitlines()[1].strip().startswith(advice)


def test_calls_after_a_handlers_end_are_told():
    (work,) = [each for each in lines_of(report(work=WorkReport(late_calls=1))) if each.startswith("  work")]

    assert work.endswith("1 call after a handler's end, none of them carried out")


def crowd():
    """Five agents in all states, in the order of their files."""
    late = OldestReport(handler="p.h", lane="chat:c", chat_id="c", attempts=0, since=NOW - 500, due_at=NOW)
    at = {"server": "http://one", "plugins": ("echo",)}
    return [
        Row(name="codex-b", status=report(hearing=HearingReport(proven_at=NOW - 9)), **at),
        Row(name="codex-a", status=report(work=WorkReport(due=7, dead_letters=1, oldest=late)), **at),
        Row(
            name="deaf",
            status=report(ready=False, problems=("off",)),
            server="http://two",
            plugins=("llm", "echo"),
        ),
        Row(name="gone", trouble="NoDaemon", server="http://two", plugins=("llm",)),
        Row(name="Codex-C", status=report(work=WorkReport(due=9)), server="embedded"),
    ]


@pytest.mark.parametrize(
    ("wanted", "shown"),
    [
        ({}, "codex-b codex-a deaf gone Codex-C"),
        ({"names": ["codex-*"]}, "codex-b codex-a"),
        ({"names": ["codex-*", "g?ne"]}, "codex-b codex-a gone"),
        ({"states": ["not-ready"]}, "deaf"),
        ({"states": ["not-ready", "no-answer"]}, "deaf gone"),
        ({"states": ["ready"], "order": "name"}, "Codex-C codex-a codex-b"),
        ({"plugins": ["llm"]}, "deaf gone"),
        ({"backends": ["http://t*"], "plugins": ["echo"]}, "deaf"),
        ({"not_ready": True}, "deaf gone"),
        ({"attention": True}, "codex-a deaf gone"),
        ({"order": "state"}, "gone deaf codex-b codex-a Codex-C"),
        ({"order": "due"}, "Codex-C codex-a codex-b deaf gone"),
        ({"order": "oldest"}, "codex-a codex-b deaf Codex-C gone"),
        ({"order": "heard", "states": ["ready"]}, "codex-a Codex-C codex-b"),
        ({"names": ["nobody"]}, ""),
    ],
)
def test_of_many_agents_those_are_shown_that_somebody_looks_for(wanted, shown):
    """Of several values of one kind any will do, of several kinds each must; the worst or greatest comes first."""
    assert [row.name for row in StatusFilter(**wanted).of(crowd())] == shown.split()


def test_agents_that_do_not_answer_are_filtered_by_what_their_files_say(tmp_path):
    for name, plugin in (("one", "echo"), ("two", "llm"), ("three", "echo")):
        (tmp_path / f"{name}.toml").write_text(
            f'[agent]\nname = "{name}"\nbase_url = "http://127.0.0.1:1"\nstate_dir = "{name}"\n[plugins.{plugin}]\n'
        )
    (tmp_path / "wrong.toml").write_text("[agent]\nname = 3\n")

    def shown(*arguments):
        done = CliRunner().invoke(cli, ["status", "--config", str(tmp_path), *arguments])
        return done.exit_code, [line.split()[0] for line in done.stdout.splitlines()[1:]]

    assert shown("--plugin", "echo", "--sort", "name") == (78, ["one", "three"])
    assert shown("--state", "no-answer", "--name", "t*") == (78, ["three", "two"])
    assert shown("--backend", "*:1") == (78, ["one", "three", "two"])
    assert shown("--state", "ready") == (78, [])
