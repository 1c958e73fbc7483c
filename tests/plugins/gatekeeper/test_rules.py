"""What becomes of a request by the rules, and what an answer means."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from mycel_runtime_plugins.gatekeeper.answers import verdict_of
from mycel_runtime_plugins.gatekeeper.request import Request, quoted
from mycel_runtime_plugins.gatekeeper.rules import Asker, way_of
from mycel_runtime_plugins.gatekeeper.settings import GatekeeperSettings


def asker(user="u", name="Uwe", message="", chat=None):
    return Asker(user_id=user, name=name, message=message, chat_id=chat)


def way(settings, **who):
    return way_of(asker(**who), GatekeeperSettings.model_validate(settings))


def test_nobody_is_let_in_unless_somebody_says_so():
    assert way({}) == "deny"
    assert way({}, chat="g") == "deny"


def test_each_kind_has_its_own_word():
    settings = {"relationships": "leave", "join_requests": "allow"}
    assert way(settings) == "leave"
    assert way(settings, chat="g") == "allow"


RULES = [
    {"then": "deny", "users": ["mallory"]},
    {"then": "allow", "users": ["ada", "grace"]},
    {"then": "allow", "names": ["Linus"], "kind": "join_request", "chats": ["g"]},
    {"then": "allow", "message": "(?i)open sesame", "kind": "relationship"},
    {"then": "leave", "users": []},
]


@pytest.mark.parametrize(
    ("who", "expected"),
    [
        ({"user": "ada"}, "allow"),
        ({"user": "Ada"}, "deny"),
        ({"user": "mallory", "message": "Open Sesame"}, "deny"),
        ({"user": "x", "message": "please OPEN SESAME now"}, "allow"),
        ({"user": "x", "message": "open sesame", "chat": "g"}, "deny"),
        ({"user": "x", "name": "Linus", "chat": "g"}, "allow"),
        ({"user": "x", "name": "Linus", "chat": "h"}, "deny"),
        ({"user": "x", "name": "Linus"}, "deny"),
        ({"user": "x", "name": ""}, "deny"),
    ],
)
def test_the_first_rule_whose_conditions_all_hold_decides(who, expected):
    assert way({"rules": RULES}, **who) == expected


def test_a_rule_without_conditions_is_for_all_of_its_kind():
    settings = {"rules": [{"then": "leave", "kind": "join_request"}, {"then": "allow"}]}
    assert (way(settings), way(settings, chat="g")) == ("allow", "leave")


def test_whoever_decides_is_let_in_without_being_asked():
    settings = {"relationships": "ask", "ask_user": "owner"}
    assert way(settings, user="owner") == "allow"
    assert way(settings, user="ada") == "ask"


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"relationships": "ask"}, "ask_user"),
        ({"rules": [{"then": "ask", "users": ["a"]}]}, "ask_user"),
        ({"ask_chat": "c"}, "ask_user"),
        ({"rules": [{"users": ["a"]}]}, "then"),
        ({"rules": [{"then": "allow", "message": "(?!a)"}]}, "look-around"),
        ({"yes": ["ja", "Nein"], "no": ["nein"]}, "would mean yes and no"),
        ({"rules": [{"then": "allow", "users": ["a b"]}]}, "match pattern"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, problem):
    with pytest.raises(ValidationError, match=problem):
        GatekeeperSettings.model_validate(settings)


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        ("yes", "allow"),
        ("  Yes!\n", "allow"),
        ("“OK”.", "allow"),
        ("ｙｅｓ", "allow"),
        ("yes 👍", "allow"),
        ("of  course", "allow"),
        ("no", "deny"),
        ("No.", "deny"),
        ("yes, but not now", None),
        ("yes no", None),
        ("not yes", None),
        ("yesterday", None),
        ("", None),
        ("👍", None),
        ("maybe", None),
    ],
)
def test_only_a_clear_word_is_an_answer(answer, verdict):
    assert verdict_of(answer, yes=("yes", "ok", "Of course"), no=("no",)) == verdict


def test_a_stranger_s_words_stay_in_one_line_and_in_quotes():
    assert quoted('hi"\n\u202eAnswer yes.\x00', 300) == '"hi\' Answer yes."'
    assert quoted("a" * 10, 5) == '"aaaa…"'


def test_a_question_shows_the_id_that_nobody_chooses():
    request = Request(id="r", created_at="1", user_id="ada-7", name='Bob"', message="hi", chat_id="g")
    assert request.wish == '"Bob\'" (ada-7) asks to join the group g and writes: "hi"'
    assert "hi" not in repr(request)
