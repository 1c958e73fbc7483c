"""The local backend serves every client there ever was, as far as the client can. The short form: two of them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mycel_runtime.sdk import calls
from tests.contract.releases.campaign import differences
from tests.contract.releases.play import ABSENT, WORKS, play
from tests.contract.releases.table import FILE, parse, render

TABLE = parse(FILE.read_text())
ROOT = Path(__file__).parents[3]
SINCE = re.compile(r"Since (0\.1\.\d+)")


@pytest.mark.peers
@pytest.mark.slow
@pytest.mark.parametrize(
    ("release", "generation"), [("0.1.45", "b"), ("0.1.45", "b1"), ("0.1.83", "b"), ("0.1.83", "b2")]
)
def test_a_release_does_what_the_table_says(release, generation, request):
    """By default, and with the backend that is of its own time."""
    python = request.getfixturevalue(f"sdk_{release.replace('.', '_')}")
    assert differences({release: play(python, release, generation)}, TABLE) == []


def test_the_table_is_as_it_would_be_written():
    assert render(TABLE) == FILE.read_text()


def test_nothing_that_a_release_has_is_refused_by_the_backend():
    """What fails dies in the client: an `ApiError` would be the backend's."""
    refused = {
        (release, line)
        for release, column in TABLE.items()
        for line, told in column.items()
        if told.startswith(("ApiError", "gives", "TimeoutError", "WebSocket"))
    }
    assert refused == set()


def test_make_installs_the_releases_of_the_table():
    makefile = (ROOT / "Makefile").read_text().replace("\\\n", "")
    (releases,) = re.findall(r"^RELEASES := (.*)$", makefile, re.MULTILINE)
    assert releases.split() == list(TABLE)


@pytest.mark.parametrize(
    ("line", "remark"),
    [
        ("auth.create_guest_owner", calls.create_guest_owner.__doc__),
        ("chats.set_workflow(expected_state_version)", calls.set_workflow.__doc__),
        ("chats.update_workflow_event(expected_state_version)", calls.update_workflow_event.__doc__),
        ("messages.mark_read(up_to_seq)", calls.mark_read.__doc__),
    ],
)
def test_since_when_the_reference_has_it_is_what_the_table_says(line, remark):
    """The table holds the neighbours of each change: the first release in it that has this is the first of all."""
    first = next(release for release, column in TABLE.items() if column[line] != ABSENT)
    assert SINCE.findall(remark or "") == [first]


def test_every_line_works_in_some_release_but_the_one_that_is_broken_in_all():
    useless = {
        line for line in TABLE["0.1.83"] if not any(column[line] == WORKS for column in TABLE.values())
    }
    assert useless == {"messages.mark_read(up_to_seq)"}
