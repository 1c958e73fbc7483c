from __future__ import annotations

from mycel_runtime.mcp_server.view import View


def message(message_id):
    return {"message_id": message_id}


def test_a_message_is_shown_once():
    view = View()

    assert view.fresh([message("a"), message("b")]) == [message("a"), message("b")]
    assert view.fresh([message("b"), message("c")]) == [message("c")]


def test_what_the_client_has_said_is_no_news_to_it():
    view = View()
    view.note_own("a")

    assert view.fresh([message("a")]) == []
    assert view.has_said(["a"])
    assert not view.has_said(["a", "b"])


def test_what_is_known_never_becomes_less():
    view = View()
    view.know("c", 5)
    view.know("c", 3)

    assert view.known == {"c": 5}


def test_of_several_pages_of_a_chat_the_newest_counts():
    view = View()
    view.leave_uncounted({"chat_id": "c", "read_seq": 1})
    view.leave_uncounted({"chat_id": "c", "read_seq": 2})
    view.leave_uncounted(None)

    assert view.take_uncounted() == [{"chat_id": "c", "read_seq": 2}]
    assert view.take_uncounted() == []
