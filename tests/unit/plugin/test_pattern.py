"""A filter's expression means what its author knows from Python, and cannot stop the loop."""

from __future__ import annotations

import re

import pytest

from mycel_runtime.errors import PluginError
from mycel_runtime.plugin.pattern import ContentPattern, PatternError
from mycel_runtime.plugin.plugin import Plugin


@pytest.mark.parametrize(
    "source",
    [
        "ell",
        "^ell",
        "lo$",
        r"^\w+$",
        r"\bжук\b",
        r"\d{2,3}",
        r"(?i)HELLO",
        r"(?i:straße)",
        r"(?P<name>a|b)+",
        r"(?m)^two$",
        r"(?s)one.two",
        r"[^\s!]+\!",
        "中文",
        r"\u4e2d",
        r"^\S+\s*$",
    ],
)
@pytest.mark.parametrize(
    "content",
    [
        "",
        "hello",
        "lo\n",
        "one\ntwo",
        "один жук тут",
        "жуки",
        "٣٤٥",
        "STRASSE straße",
        "中文",
        "oh!",
        "ab\n\n",
    ],
)
def test_it_finds_what_python_finds(source, content):
    assert ContentPattern(source).is_in(content) is (re.search(source, content) is not None)


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("(?!no)yes", "look-around"),
        ("(?<=no)yes", "look-around"),
        (r"(a)\1", "backreferences"),
        ("(?P<a>b)(?P=a)", "unrecognized flag"),
        ("(", "unterminated"),
        ("[a&&b]", "set intersection"),
        (r"\d{1000}{1000}", "multiple repeat"),
        (r"(?:\d{1000}){1000}", "size limit"),
    ],
)
def test_what_could_take_ages_or_means_something_else_is_refused(source, why):
    """Nothing of an engine that goes back and tries again is left: what needs one is refused."""
    with pytest.raises(PatternError, match=why):
        ContentPattern(source)


def test_half_a_surrogate_pair_hides_nothing_else():
    assert ContentPattern("^a.b$").is_in("a\ud800b")
    assert ContentPattern("^a..?b").is_in("a\ud83d\ude00b")


def test_a_declaration_is_told_what_to_do_instead():
    with pytest.raises(PluginError, match=r"(?s)plugin 'p': pattern .*look-around.*in the handler"):
        Plugin("p").on_message(pattern="^(?!no)")


def test_the_same_expression_is_the_same_filter():
    assert ContentPattern("a") == ContentPattern("a") != ContentPattern("b")
    assert repr(ContentPattern("a")) == "ContentPattern(source='a')"
