"""What a person is asked, in which order, and what is made of the answers."""

from __future__ import annotations

import pytest

from mycel_runtime.errors import ArgumentError
from mycel_runtime.plugin.loading import installed
from mycel_runtime.setup.plugin_choices import CHOICES, questions_of
from mycel_runtime.setup.questions import (
    Wishes,
    answered,
    backend_question,
    name_question,
    owner_question,
    plugin_question,
    settings_of,
)
from mycel_runtime_plugins.acp.known_agents import KNOWN_AGENTS
from mycel_runtime_plugins.command.recipes import RECIPES


def asked(wishes, next_question, answers):
    """The keys of the questions, in their order, and what is wished at the end."""
    keys = []
    while (question := next_question(wishes)) is not None:
        keys.append(question.key)
        wishes = answered(wishes, question, answers.get(question.key, question.default))
    return keys, wishes


@pytest.mark.parametrize(
    ("way", "keys"),
    [
        ("guest", ["way"]),
        ("login", ["way", "identifier", "password"]),
        ("register", ["way", "identifier", "password", "invite"]),
    ],
)
def test_each_way_to_become_an_owner_asks_what_it_needs(way, keys):
    answers = {"way": way, "identifier": "ada@example.org", "password": " s3cret ", "invite": "i"}

    found, wishes = asked(Wishes(backend="http://b"), owner_question, answers)

    assert found == keys
    assert wishes.password == (" s3cret " if "password" in keys else None)
    assert "s3cret" not in repr(wishes)


@pytest.mark.parametrize(
    ("answers", "keys", "table"),
    [
        ({"plugin": "echo"}, [], {}),
        ({"plugin": "acp", "plugin.agent": "claude"}, ["agent"], {"agent": "claude"}),
        ({"plugin": "command", "plugin.recipe": "codex"}, ["recipe"], {"recipe": "codex"}),
        (
            {"plugin": "command", "plugin.command": "./answer.sh 'a b'"},
            ["recipe", "command"],
            {"command": ["./answer.sh", "a b"]},
        ),
        (
            {"plugin": "llm", "plugin.model": "m", "plugin.api_key_env": "KEY"},
            ["api", "model", "base_url", "api_key_env"],
            {"api": "openai", "model": "m", "api_key_env": "KEY"},
        ),
        (
            {"plugin": "llm", "plugin.model": "m", "plugin.api_key_file": "sk-1"},
            ["api", "model", "base_url", "api_key_env", "api_key_file"],
            {"api": "openai", "model": "m", "api_key_file": "llm.key"},
        ),
        ({"plugin": "webhook", "plugin.url": "https://h"}, ["url"], {"url": "https://h"}),
        (
            {"plugin": "gatekeeper", "plugin.join_requests": "ask", "plugin.ask_user": "ada"},
            ["relationships", "join_requests", "ask_user"],
            {"relationships": "deny", "join_requests": "ask", "ask_user": "ada"},
        ),
        ({"plugin": "handlers/mine.py"}, [], {"path": "handlers/mine.py"}),
    ],
)
def test_each_plugin_is_asked_what_its_table_needs(answers, keys, table):
    found, wishes = asked(Wishes(), plugin_question, answers)

    assert found == ["plugin", *(f"plugin.{key}" for key in keys)]
    assert settings_of(wishes) == table
    assert wishes.secrets == ({"llm.key": "sk-1"} if "llm.key" in table.values() else {})


def test_what_the_command_line_says_is_not_asked():
    wishes = Wishes(backend="embedded", plugin="acp", table={"agent": "codex"}, name="a")

    questions = [backend_question(wishes), plugin_question(wishes), name_question(wishes, default="x")]

    assert questions == [None, None, None]


def test_what_is_offered_is_what_there_is():
    names = {choice.name for choice in CHOICES}
    assert names < set(installed())
    assert set(installed()) - names == {
        "scheduler"
    }  # It speaks first: its posts name chats that are to be made yet.
    assert set(questions_of("acp")[0].choices) == set(KNOWN_AGENTS)
    assert set(questions_of("command")[0].choices) == {"", *RECIPES}


@pytest.mark.parametrize(
    ("question", "answer", "problem"),
    [
        (backend_question(Wishes()), "ftp://h", "backend's address must start with"),
        (backend_question(Wishes()), "https://u:secret@h", "must not include a user"),
        (owner_question(Wishes()), "nobody", "none of the choices"),
        (name_question(Wishes(), default="a"), "a b", "no name for an agent"),
        (name_question(Wishes(), default="a"), " ", "nothing was said"),
        (owner_question(Wishes(way="login", identifier="a")), "", "nothing was said"),
    ],
)
def test_an_answer_that_is_none_is_told(question, answer, problem):
    with pytest.raises(ArgumentError, match=problem) as told:
        answered(Wishes(way="login"), question, answer)

    assert "secret" not in str(told.value)
