from __future__ import annotations

import pytest

from mycel_runtime.errors import ToolProblemError
from mycel_runtime.mcp_server.speech_id import SpeechId


@pytest.mark.parametrize("known_seq", [None, 0, 12])
@pytest.mark.parametrize("chat_id", ["c", "odd:chat:id", ""])
def test_what_was_written_is_read(known_seq, chat_id):
    drawn = SpeechId.draw(chat_id, known_seq)

    assert SpeechId.parse(str(drawn)) == drawn


def test_none_is_drawn_twice():
    assert SpeechId.draw("c", 1) != SpeechId.draw("c", 1)


@pytest.mark.parametrize("text", ["", "x", "x:y", "x:y:z", "x:-1:z"])
def test_what_nobody_wrote_is_refused(text):
    with pytest.raises(ToolProblemError, match="no speech_id"):
        SpeechId.parse(text)
