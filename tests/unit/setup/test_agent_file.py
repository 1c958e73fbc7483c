"""What is written is what a TOML parser reads back."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mycel_runtime.errors import ArgumentError
from mycel_runtime.setup.agent_file import AgentFile
from mycel_runtime.setup.assignments import parse_assignments

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
VALUES = st.recursive(
    TEXTS | st.booleans() | st.integers(-(2**40), 2**40) | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)


@given(plugin=TEXTS, table=st.dictionaries(TEXTS, VALUES, max_size=4), name=TEXTS)
def test_a_written_file_says_what_was_decided(plugin, table, name):
    file = AgentFile(
        name=name, base_url="http://b", user_id="u", token_file="u.token", plugin=plugin, table=table
    )

    assert tomllib.loads(file.text) == file.tables


def test_an_embedded_backend_needs_neither_id_nor_token():
    file = AgentFile(name="a", base_url="embedded", plugin="echo", table={})

    assert tomllib.loads(file.text) == {
        "agent": {"name": "a", "base_url": "embedded"},
        "plugins": {"echo": {}},
    }


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("agent=claude", "claude"),
        ("timeout=30", 30),
        ("tools=true", True),
        ('command=["a", "b c"]', ["a", "b c"]),
        ("url=http://h/?a=b", "http://h/?a=b"),
        ("at=2026-01-01", "2026-01-01"),
        ("text=a\nother = 1", "a\nother = 1"),
    ],
)
def test_a_value_on_the_command_line_is_toml_or_a_text(text, value):
    assert list(parse_assignments([text]).values()) == [value]


@pytest.mark.parametrize("texts", [["agent"], ["=x"], ["a=1", "a=2"]])
def test_what_is_no_assignment_is_refused(texts):
    with pytest.raises(ArgumentError, match="--set"):
        parse_assignments(texts)
