"""The genuine clients and ours say the same on the wire and give the same back; every difference is listed here."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.contract.sdk import dialogue
from tests.contract.sdk.recorder import recording

if TYPE_CHECKING:
    from pathlib import Path

    from tests.contract.sdk.dialogue import Line
    from tests.contract.sdk.recorder import Request

pytestmark = pytest.mark.peers

OURS_ONLY: Final = {"auth.create_guest_owner", "messages.iterate"}

ADDED_ARGUMENTS: Final = {
    "chats.set_workflow": {"expected_state_version"},
    "chats.update_workflow_event": {"expected_state_version"},
    "messages.mark_read": {"up_to_seq"},
    "notifications.stream": {"connect_timeout", "reconnect"},
}
"""Against 0.1.45; against 0.1.83 only `reconnect`, and that `up_to_seq` may be left out."""

BETTER_OUTCOMES: Final[dict[tuple[str, str], str]] = {
    ("messages.mark_read", "nothing"): "an empty answer is no success there",
    ("messages.list_all", "stuck"): "a RuntimeError there, an ApiError (which is one) here",
    ("chats.get", "422 text"): "a bare ValueError there",
    ("chats.get", "422 no json"): "a JSONDecodeError there",
    ("messages.send", "422 text"): "as above",
    ("messages.send", "422 no json"): "as above",
    ("chats.get", "200 empty"): "a JSONDecodeError there",
    ("chats.get", "200 text"): "a JSONDecodeError there",
    ("chats.get", "200 null"): "given back as a result there",
    ("chats.get", "200 number"): "given back as a result there",
    ("chats.get", "307"): "without where it leads there",
    ("messages.send", "307"): "as above",
}
"""Method and chat id of the lines whose outcome differs by intention: an `ApiError` or a result, where the genuine
clients raise something else or pass nonsense on."""


@dataclass(frozen=True)
class Played:
    """A whole dialogue."""

    signatures: dict[str, list[list[str]]]
    outcomes: list[dict[str, Any]]
    requests: list[list[Request]]


def play(python: Path | str, module: str, cls: str, release: str) -> Played:
    with recording() as recorder:
        command = [str(python), dialogue.__file__, module, cls, recorder.base_url, release]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        told = json.loads(done.stdout.replace(recorder.base_url, "http://server"))
        return Played(told["signatures"], told["outcomes"], recorder.lines)


@dataclass(frozen=True)
class Conversation:
    """What the reference and our two clients made of the same lines."""

    release: str
    script: list[Line]
    theirs: Played
    ours: Played
    ours_async: Played


@pytest.fixture(scope="module", params=["0.1.45", "0.1.83"])
def played(request, sdk_0_1_45, sdk_0_1_83):
    release = request.param
    python = {"0.1.45": sdk_0_1_45, "0.1.83": sdk_0_1_83}[release]
    with ThreadPoolExecutor() as pool:
        theirs = pool.submit(play, python, "mycel_sdk", "Client", release)
        ours = pool.submit(play, sys.executable, "mycel_runtime.sdk", "Client", release)
        ours_async = pool.submit(play, sys.executable, "mycel_runtime.sdk", "AsyncClient", release)
        script = dialogue.script_of(release)
        return Conversation(release, script, theirs.result(), ours.result(), ours_async.result())


def is_broken_there(release: str, said: Line) -> bool:
    """Q-C1: the 0.1.83 facade dies in `mark_read` before anything reaches the wire."""
    return release == "0.1.83" and said.method == "messages.mark_read"


def trailing_page(said: Line) -> bool:
    """`list_all` goes on after a short page, which proves nothing (contract 1.5)."""
    is_walk = said.method == "messages.list_all" and said.args == ("paged",)
    return is_walk and said.kwargs in ({"page_size": 2}, {"before": "3"})


def test_every_method_of_the_reference_is_in_the_dialogue(played):
    said = {line.method for line in played.script} - {"backend_info"}
    assert said | {"notifications.stream"} == set(played.theirs.signatures)


def test_requests_are_the_reference_s(played):
    for said, theirs, ours in zip(played.script, played.theirs.requests, played.ours.requests, strict=True):
        if is_broken_there(played.release, said):
            assert theirs == []
        elif trailing_page(said):
            assert ours[: len(theirs)] == theirs
            assert [request.query.rpartition("=")[2] for request in ours[len(theirs) :]] == ["1"]
        else:
            assert ours == theirs, said


def test_results_and_errors_are_the_reference_s_or_listed_as_better(played):
    different = {
        (said.method, said.args[0]): ours
        for said, theirs, ours in zip(
            played.script, played.theirs.outcomes, played.ours.outcomes, strict=True
        )
        if ours != theirs and not is_broken_there(played.release, said)
    }
    expected = set(BETTER_OUTCOMES)
    if played.release == "0.1.83":
        expected.remove(("messages.mark_read", "nothing"))
    assert set(different) == expected
    assert all(
        "result" in outcome or outcome["error"]["kind"] == "ApiError" for outcome in different.values()
    )


def test_mark_read_works_in_both_call_forms(played):
    forms = {
        said.args: [request.body for request in requests]
        for said, requests in zip(played.script, played.ours.requests, strict=True)
        if said.method == "messages.mark_read"
    }
    expected = {(dialogue.CHAT,): [None], ("nothing",): [None], (dialogue.CHAT, 7): [{"up_to_seq": 7}]}
    if played.release == "0.1.45":
        del expected[(dialogue.CHAT, 7)]
    assert forms == expected


def test_signatures_are_the_reference_s_with_additions(played):
    ours, theirs = played.ours.signatures, played.theirs.signatures
    assert set(ours) - set(theirs) <= OURS_ONLY
    assert set(theirs) <= set(ours)
    for method, parameters in theirs.items():
        if is_broken_there(played.release, dialogue.line(method)):
            continue
        added = ADDED_ARGUMENTS.get(method, set()) - {name for name, *_ in parameters}
        assert [parameter for parameter in ours[method] if parameter[0] not in added] == parameters, method


def test_both_colours_are_one(played):
    assert played.ours_async == played.ours
