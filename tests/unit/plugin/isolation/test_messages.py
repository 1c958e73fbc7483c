"""What a plugin's process says is believed no further than it makes sense."""

from __future__ import annotations

import json

import pytest

from mycel_runtime.plugin.isolation import messages
from mycel_runtime.plugin.isolation.messages import ProtocolError, decode, encode


def said(**line):
    return json.dumps({"run": "r"} | line).encode()


@pytest.mark.parametrize("after", [None, 0, 2.5])
def test_a_retry_is_taken_over(after):
    assert decode(said(kind="retry", after=after), messages.SAID_IN_A_RUN).after == after


@pytest.mark.parametrize("after", ["5", -1, float("nan"), float("inf"), [], {}, True])
def test_a_retry_after_what_cannot_be_waited_for_is_refused(after):
    with pytest.raises(ProtocolError):
        decode(said(kind="retry", after=after), messages.SAID_IN_A_RUN)


@pytest.mark.parametrize(
    "line",
    [
        b"no json\n",
        b"[]\n",
        b"[" * 100_000,
        b"\xff\n",
        said(kind="drop_everything"),
        said(kind="question", method="members", arguments=[], besides=1),
        said(kind="question", method=5, arguments=[]),
        said(kind="question", method="members"),
        said(method="members", arguments=[]),
        b'{"kind": "question", "method": "members", "arguments": []}',
    ],
)
def test_what_is_no_message_is_refused_and_not_taken_for_another(line):
    with pytest.raises(ProtocolError) as caught:
        decode(line, messages.SAID_IN_A_RUN)

    assert "besides" not in str(caught.value)


def test_a_message_arrives_as_it_was_sent_though_it_holds_half_a_surrogate_pair():
    question = messages.Question(run="r", method="reply", arguments=("\ud800 中\n", ["a"]))

    line = encode(question)

    assert line.count(b"\n") == 1
    assert decode(line, messages.SAID_IN_A_RUN) == question


def test_what_a_message_says_is_in_no_error():
    with pytest.raises(ProtocolError) as caught:
        decode(said(kind="question", method="reply", arguments="secret words"), messages.SAID_IN_A_RUN)

    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None
