"""What `mycel-runtime replay` says and refuses; what it finds is in `tests/integration/speech/test_replay.py`."""

from __future__ import annotations

import contextlib
import json

import click
import pytest
from click.testing import CliRunner

from mycel_runtime.backend.server import LocalBackend
from mycel_runtime.cli.replay import _moment, _Printer, replay
from mycel_runtime.errors import ArgumentError, IdentityRefusedError, JournalFileError
from mycel_runtime.journal.capture_file import CAPTURE_NAME, CaptureFile
from mycel_runtime.journal.cursor import STAY
from mycel_runtime.journal.ids import HandlerId, Lane
from mycel_runtime.journal.shown_run import ShownRun
from mycel_runtime.journal.sqlite.journal import SqliteJournal
from mycel_runtime.journal.turns import LoggedTurn, TurnRecord
from mycel_runtime.journal.work import ChatWork
from mycel_runtime.replay.agent import Ago, Choice, load_code, open_replay
from mycel_runtime.replay.comparison import Difference
from mycel_runtime.replay.session import Replayed
from tests.engines.store_clock import StoreClock, at

CODE = """
from mycel_runtime import Plugin
plugin = Plugin("mine")

@plugin.on_message
async def hear(ctx): ...
"""


@pytest.fixture
def config(tmp_path):
    """Of an agent that has never run."""
    (tmp_path / "mine.py").write_text(CODE)
    (tmp_path / "state").mkdir(mode=0o700)
    path = tmp_path / "agent.toml"
    path.write_text(
        '[agent]\nname = "a"\nbase_url = "http://127.0.0.1:1"\ntoken_file = "agent.token"\nstate_dir = "state"\n'
        '[plugins.mine]\npath = "mine.py"\n'
    )
    return path


@pytest.fixture
async def agent(config, tmp_path):
    """The same, with a backend that knows it."""
    with LocalBackend() as backend:
        config.write_text(config.read_text().replace("http://127.0.0.1:1", backend.base_url))
        owner = backend.ask("add_guest", name="owner")
        token = backend.ask("add_external", owner_id=owner["id"], user_id="me", name="Me")["token"]
        (tmp_path / "agent.token").write_text(token)
        (tmp_path / "agent.token").chmod(0o600)
        yield config


@pytest.fixture
async def journal(tmp_path):
    journal = SqliteJournal(tmp_path / "state", clock=StoreClock())
    journal.open()
    yield journal
    await journal.close()


async def log_turn(journal):
    work = ChatWork(handler=HandlerId("mine.hear"), lane=Lane("chat:c"), chat_id="c", wanted_seq=1)
    await journal.hint("me", (work,))
    (delivery,) = await journal.claim("me", limit=1)
    record = TurnRecord(kind="message", attempt=1, began_at=1.0, shown={})
    await at(journal, 2.0).finish(delivery, STAY, record=record)


@contextlib.asynccontextmanager
async def opened(config, *, is_offline=False, **choice):
    async with open_replay(config, load_code(config, None), Choice(**choice), is_offline=is_offline) as made:
        yield made


async def test_an_agent_without_a_journal_is_told_to_run_first(agent):
    with pytest.raises(JournalFileError, match="there is no journal") as refused:
        async with opened(agent):
            pass
    assert refused.value.exit_code == 78


async def test_where_no_turn_is_logged_at_all_that_is_said(agent, journal):
    with pytest.raises(
        ArgumentError, match=r"no turn of me is logged yet\n.*let it answer something"
    ) as none:
        async with opened(agent):
            pass
    assert none.value.exit_code == 64
    agent.write_text(agent.read_text() + "[journal]\nkept_turns = 0\n")
    with pytest.raises(ArgumentError, match="kept_turns is 0"):
        async with opened(agent):
            pass


async def test_what_is_not_there_is_named_with_what_is(agent, journal):
    await log_turn(journal)

    async with opened(agent) as made:
        assert made.chosen == [1]
    async with opened(agent, until=Ago(60.0), since=2.0) as made:
        assert made.chosen == [1]
    with pytest.raises(ArgumentError, match="no such turn of me is logged"):
        async with opened(agent, since=Ago(60.0)):
            pass
    with pytest.raises(ArgumentError, match=r"no handler 'mine.here'\n.*There are: mine.hear\.") as unknown:
        async with opened(agent, handler="mine.here"):
            pass
    with pytest.raises(ArgumentError, match="no such turn of me is logged") as none:
        async with opened(agent, chat_id="d"):
            pass
    assert (unknown.value.exit_code, none.value.exit_code) == (64, 64)


async def test_offline_whose_turns_are_replayed_is_what_the_capture_says(config, journal, tmp_path):
    """There is neither a backend nor a token."""
    await log_turn(journal)
    with pytest.raises(ArgumentError, match=r"nothing is captured.*\n.*capture = true") as none:
        async with opened(config, is_offline=True):
            pass
    assert none.value.exit_code == 64
    file = CaptureFile(tmp_path / "state" / CAPTURE_NAME, kept_runs=9, on_failure=pytest.fail)
    file.keep("me", ShownRun())
    file.keep("you", ShownRun())
    file.close()

    with pytest.raises(ArgumentError, match=r"several identities are captured: me, you\n.*user_id"):
        async with opened(config, is_offline=True):
            pass
    config.write_text(config.read_text().replace("[plugins", 'user_id = "me"\n[plugins'))
    async with opened(config, is_offline=True) as made:
        assert made.chosen == [1]


async def test_a_token_that_is_refused_is_told_as_everywhere(agent, journal, tmp_path):
    (tmp_path / "agent.token").write_text("another")

    with pytest.raises(IdentityRefusedError) as refused:
        async with opened(agent):
            pass
    assert refused.value.exit_code == 77


def test_code_is_put_in_the_place_of_the_only_plugin_or_of_the_named_one(config, tmp_path, monkeypatch):
    (tmp_path / "new.py").write_text(CODE.replace("def hear", "def listen"))
    monkeypatch.chdir(tmp_path)

    for code in ("new.py", "mine=new.py"):
        (bound,) = load_code(config, code).handlers
        assert bound.handler.id == "mine.listen"
    with pytest.raises(ArgumentError, match="no plugin 'other' is configured"):
        load_code(config, "other=new.py")
    config.write_text(config.read_text() + "[plugins.echo]\n")
    with pytest.raises(ArgumentError, match=r"which plugin is this the code of\?\n.*mine, echo"):
        load_code(config, "new.py")


def test_times_are_so_long_ago_or_of_the_clock():
    option = next(each for each in replay.params if each.name == "since")
    context = click.Context(replay)

    assert _moment(context, option, "2h") == Ago(7200)
    assert _moment(context, option, "1970-01-02T00:00+00:00") == 86_400.0
    assert CliRunner().invoke(replay, ["--since", "soon"]).exit_code == 2
    assert "'soon' is no time" in CliRunner().invoke(replay, ["--since", "soon"]).stderr


def replayed(**fields):
    turn = LoggedTurn(7, "p.hear", "chat:c", "c", None, 1, "message", "{}", "[]", "", "", 0.0, 60.0)
    return Replayed(**{"turn": turn, "outcome": "differs"} | fields)


DIFFERENCES = (
    Difference("end", "", {"end": "ValueError"}, {"end": "returned"}),
    Difference("reply", "1", {"length": 3, "hash": "a" * 64}, {"length": 4, "hash": "b" * 64}),
    Difference("reply", "2", None, {"length": 1, "hash": "c" * 64}),
    Difference("store", "d" * 32, {"deleted": True}, None),
    Difference("timer", "t " + "e" * 32, {"after": 60, "hash": "f" * 32}, {"cancelled": True}),
    Difference("decision", "1", {"deed": "approve"}, {"deed": "reject"}),
)


@pytest.mark.parametrize("show_text", [False, True])
def test_differences_are_shown_without_words_unless_they_are_asked_for(capsys, show_text):
    printer = _Printer(as_json=False, show_text=show_text)
    printer.note(replayed(differences=DIFFERENCES, texts=("new\x1b", "n"), uncertain=(-1, 0, 3)))
    printer.note(replayed(outcome="same", is_captured=True))
    printer.note(replayed(outcome="skipped", reason="it is gone"))
    printer.sum_up()

    said = capsys.readouterr().out.splitlines()
    words = [line for line in said if line.startswith("      | ")]
    assert words == (["      | new\\x1b", "      | n"] if show_text else [])
    assert [line for line in said if line not in words] == [
        "turn 7  p.hear  chat c  1970-01-01T00:01:00+00:00",
        "    end: ValueError, would be returned",
        "    reply 1: 3 characters (aaaaaaaaaaaa), would be 4 characters (bbbbbbbbbbbb)",
        "    reply 2: none, would be 1 characters (cccccccccccc)",
        f"    store {'d' * 32}: deleted, would be none",
        f"    timer t {'e' * 32}: after 60 s (ffffffffffff), would be cancelled",
        "    decision 1: approve, would be reject",
        (
            "    perhaps only because its store is not known as it was: "
            "a hook of its start or stop, which no log tells of, a turn that is not logged any more, turn 3"
        ),
        "1 skipped: it is gone",
        "1 of 3 shown as they were captured",
        "3 replayed, 1 same, 1 differs, 1 skipped",
    ]


def test_a_program_is_given_each_turn_that_is_not_the_same_and_the_counts(capsys):
    printer = _Printer(as_json=True, show_text=False)
    printer.note(replayed(differences=DIFFERENCES[:1], texts=("secret",)))
    printer.note(replayed(outcome="same"))
    printer.sum_up()

    turn, counts = map(json.loads, capsys.readouterr().out.splitlines())
    assert (turn["turn"], turn["handler"], turn["outcome"]) == (7, "p.hear", "differs")
    assert turn["differences"][0]["would"] == {"end": "returned"}
    assert "secret" not in str(turn)
    assert counts == {"turns": 2, "same": 1, "differs": 1, "skipped": 0}
