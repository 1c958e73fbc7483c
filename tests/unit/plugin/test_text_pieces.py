"""Long texts are cut where a reader would cut them."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mycel_runtime import split_text
from mycel_runtime.errors import ArgumentError


@pytest.mark.parametrize(
    ("text", "limit", "pieces"),
    [
        ("", 5, []),
        (" \n\t\n", 5, []),
        ("short", 5, ["short"]),
        ("one paragraph\n\nand two", 15, ["one paragraph", "and two"]),
        ("a line here\nb line here", 15, ["a line here", "b line here"]),
        ("It is so. It is not so.", 12, ["It is so.", "It is not", "so."]),
        ('He said "no." Then he left.', 15, ['He said "no."', "Then he left."]),
        ("some words only", 10, ["some words", "only"]),
        ("unbreakable", 4, ["unbr", "eaka", "ble"]),
        ("你好。世界很大。我们走吧。", 6, ["你好。", "世界很大。", "我们走吧。"]),
        ("A. Rather a long sentence comes then", 20, ["A. Rather a long", "sentence comes then"]),
        ("\n\n    indented\n\nnot", 14, ["    indented", "not"]),
    ],
)
def test_text_is_cut_at_the_best_place_in_the_second_half_of_a_piece(text, limit, pieces):
    assert split_text(text, limit) == pieces


def test_code_block_that_fits_into_a_piece_is_not_cut():
    code = "```python\nfirst = 1\n\nsecond = 2\n```"
    assert split_text(f"Some words before it.\n\n{code}\n\nAnd after it.", 40) == [
        "Some words before it.",
        code,
        "And after it.",
    ]


def test_code_block_that_is_longer_is_closed_and_opened_again_between_its_lines():
    text = "~~~sh\n" + "echo 1\n" * 6 + "~~~"
    assert split_text(text, 30) == ["~~~sh\n" + "echo 1\n" * 2 + "echo 1\n~~~"] * 2


def test_code_block_that_nobody_closed_is_one_to_the_end():
    """As of a model that was cut off."""
    assert split_text("```\naaaa\nbbbb\ncccc", 13) == ["```\naaaa\n```", "```\nbbbb\ncccc"]


def test_limit_too_small_for_fences_cuts_a_code_block_like_any_text():
    assert split_text("```python\nx = 1\n```", 5) == ["```py", "thon", "x = 1", "```"]


def test_shorter_fences_within_a_longer_one_are_its_content():
    text = "````md\n```\ninner\n```\n````"
    assert split_text(f"before\n\n{text}", len(text) + 1) == ["before", text]


def test_nothing_is_cut_off_the_character_it_is_drawn_upon():
    assert split_text("e\u0301" * 3, 3) == ["e\u0301"] * 3
    assert split_text("ab👩\u200d🚀", 4) == ["ab", "👩\u200d🚀"]


@pytest.mark.parametrize("limit", [0, -1, 2.5, "7", None, True])
def test_limit_that_is_none_is_refused(limit):
    with pytest.raises(ArgumentError, match="limit"):
        split_text("text", limit)


def test_indentation_that_fills_a_piece_is_dropped():
    assert split_text(" " * 8 + "deep", 4) == ["deep"]
    assert split_text("word\n" + " " * 8 + "deep", 4) == ["word", "deep"]


def test_character_that_leaves_no_room_beside_the_fences_is_cut():
    assert split_text("```\ne\u0301\u0301\u0301\n```", 9) == ["```\ne\n```", *["```\n\u0301\n```"] * 3]


PARTS = st.sampled_from(
    [
        "word ",
        "Sentence. ",
        "\n",
        "\n\n",
        "```\n",
        "~~~x\n",
        "  ",
        "x" * 9,
        "。",
        "e\u0301",
        "`",
        "👩\u200d🚀",
        "\u200d",
        "\u0301",
    ]
)


@given(st.lists(PARTS, max_size=40).map("".join), st.integers(1, 40))
def test_pieces_are_within_the_limit_never_blank_and_lose_no_character(text, limit):
    pieces = split_text(text, limit)

    assert all(0 < len(piece) <= limit and piece.strip() for piece in pieces)
    kept = re.sub(r"[`~x\s]", "", text)
    assert re.sub(r"[`~x\s]", "", "".join(pieces)) == kept


def test_cost_grows_with_the_text_and_no_faster():
    def cost(size):
        text = "```\n" + "a line of code\n" * size
        began = time.process_time()
        split_text(text, 500)
        return time.process_time() - began

    assert cost(20_000) < 40 * max(cost(2_000), 0.001)
