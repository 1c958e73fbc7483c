"""A program is told of relationships, and decides them once."""

from __future__ import annotations

import json

import pytest

from mycel_runtime_plugins.command import plugin
from mycel_runtime_plugins.command.answer import (
    AnswerError,
    Decide,
    Remember,
    Reply,
    Say,
    require_deeds_of_relationship,
)

DECIDE = """
cat > told-$$.json
[ -e dies ] && rm dies && kill -KILL $$
grep -q '"is_open": true' told-$$.json || exit 0
printf '%s\\n' '{"decide": "DEED", "why": "so"}' '{"say": "decided: DEED", "user": "'$WHO'"}'
"""


@pytest.mark.slow
@pytest.mark.parametrize(("deed", "state"), [("approve", "visit"), ("reject", "")])
async def test_a_request_is_decided_as_the_program_says(mycel, tmp_path, deed, state):
    """Once, though the first run of the program is killed in the middle."""
    ada, bob = await mycel.human("Ada"), await mycel.human("Bob")
    table = {
        "command": ["sh", "-c", DECIDE.replace("DEED", deed)],
        "folder": str(tmp_path),
        "output": "json_lines",
        "events": ["relationships"],
        "environment": {"WHO": ada.id},
    }
    (tmp_path / "dies").touch()
    agent = await mycel.agent(plugin, settings={"command": table})
    await bob.requests(agent, "Let me in; exit 1")
    await ada.hears(f"decided: {deed}", within=60.0)
    await ada.hears_nothing(within=60.0)

    assert await bob.relationship_with(agent) == state
    assert await agent.dead_letters() == []
    told = [json.loads(file.read_text()) for file in tmp_path.glob("told-*.json")]
    asked = sorted(
        (each for each in told if each["relationship"]["is_open"]), key=lambda each: each["attempt"]
    )
    assert [each["attempt"] for each in asked] == [1, 2]
    assert len({each["delivery"] for each in asked}) == 1
    assert (asked[0]["version"], asked[0]["event"], asked[0]["me"]) == (1, "relationship", agent.id)
    assert asked[0]["relationship"].items() >= {"user": bob.id, "message": "Let me in; exit 1"}.items()


@pytest.mark.parametrize(
    ("actions", "is_open", "problem"),
    [
        ([Reply(reply="secret")], True, "only messages have a chat"),
        ([Remember(state=1)], True, "only messages have a chat"),
        ([Decide(decide="approve"), Decide(decide="reject")], True, "more than one decision"),
        ([Decide(decide="approve")], False, "no request that waits"),
    ],
)
def test_what_no_relationship_can_have_is_refused_and_not_quoted(actions, is_open, problem):
    with pytest.raises(AnswerError, match=problem) as refused:
        require_deeds_of_relationship([Say(say="secret", user="u"), *actions], is_open=is_open)
    assert "secret" not in str(refused.value)


def test_a_request_may_be_left_open():
    require_deeds_of_relationship([], is_open=True)
    require_deeds_of_relationship([Say(say="x", chat="c")], is_open=False)
