"""What `mycel-runtime dead list` prints of a letter."""

from __future__ import annotations

from mycel_runtime.cli.dead import _line


def test_what_a_server_or_a_plugin_says_steers_no_terminal():
    letter = {
        "dead_letter_id": 1,
        "handler": "p.answer",
        "lane": "chat:c",
        "attempts": 3,
        "reason": "HTTP 400: \x1b]0;owned\x07\n2  p.other",
    }

    assert _line(letter) == r"1  p.answer  chat:c  3 attempts  HTTP 400: \x1b]0;owned\x07\x0a2  p.other"
