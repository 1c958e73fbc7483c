"""Endpoints as values; their bodies are compared with the reference's in `tests/contract/sdk`."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mycel_runtime.sdk import calls
from mycel_runtime.sdk.transport import Requests

REQUESTS = Requests("http://h/pre", "token", 1.0)


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_an_id_is_one_segment_of_the_path_whatever_it_is(chat_id):
    path = REQUESTS.of(calls.get_chat(chat_id)).url.raw_path
    assert path.startswith(b"/pre/api/chats/")
    assert path.count(b"/") == 4
    assert b"?" not in path
    assert b"#" not in path


@pytest.mark.parametrize("chat_id", [".", "..", "..."])
def test_dots_do_not_walk_up_the_path(chat_id):
    path = REQUESTS.of(calls.unread_messages(chat_id)).url.raw_path.decode()
    assert path == f"/pre/api/chats/{chat_id.replace('.', '%2E')}/messages/unread"


def test_text_is_sent_as_it_is():
    body = calls.send_message("c", 'Grüße "\n\u2028\U0001f344').body
    assert '"content":"Grüße \\"\\n\u2028\U0001f344"' in body.decode()


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_number_that_json_has_not_is_refused(number):
    with pytest.raises(ValueError, match="JSON"):
        calls.mute_member("c", "u", mute_until=number)
