"""What a model is shown fits, begins with somebody else's words, and holds nothing that is not the chat's."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mycel_runtime.testing import BareChat
from mycel_runtime_plugins.llm.parts import is_unfinished, parts_of, without_mark
from mycel_runtime_plugins.llm.prompt import prompt_of, read_past
from mycel_runtime_plugins.llm.settings import LlmSettings, Texts
from mycel_runtime_plugins.llm.window import estimated_tokens, newest

ROLES = st.sampled_from(["user", "assistant"])
PROMPTS = st.lists(st.fixed_dictionaries({"role": ROLES, "content": st.text(max_size=300)}), min_size=1)


@given(PROMPTS, st.integers(100, 1000))
def test_a_window_fits_and_is_the_end_of_the_chat(prompt, tokens):
    shown = newest(prompt, tokens)

    assert sum(estimated_tokens(each["content"]) for each in shown) <= tokens
    if len(shown) > 1:
        assert shown == prompt[-len(shown) :]
        assert shown[0]["role"] == "user"


@given(st.text(min_size=2000, max_size=3000), st.integers(100, 600))
def test_a_message_that_does_not_fit_keeps_its_ends(text, tokens):
    (shown,) = newest([{"role": "user", "content": text}], tokens)

    assert estimated_tokens(shown["content"]) <= max(tokens, 40)
    assert (shown["content"][:5], shown["content"][-5:]) == (text[:5], text[-5:])


@pytest.mark.parametrize("text", ["hello, how are you?", "你好，你怎么样？", "😀😀😀", "x = [1, 2, 3]\n"])
def test_rather_too_many_tokens_are_expected_than_too_few(text):
    """Real tokenizers need 6, 7, 6 and 10 or fewer."""
    assert estimated_tokens(text) >= len(text) / 3


@given(st.text(alphabet="ab c.\n`", min_size=1, max_size=2000), st.integers(100, 300))
def test_parts_tell_which_one_is_missing(text, limit):
    parts = parts_of(text, limit)

    assert all(len(part) <= limit for part in parts)
    assert [is_unfinished(part) for part in parts] == [True] * (len(parts) - 1) + [False] * bool(parts)
    if len(parts) > 1:
        assert all(without_mark(part) != part for part in parts)


async def test_only_what_the_run_was_shown_is_read_however_far_it_goes_back():
    chat = BareChat("now", past=[f"line {number}" for number in range(450)], settings=None)

    past = await read_past(chat.ctx, through=chat.ctx.messages[-1].seq - 1, most=430)

    assert [past[0].content, past[-1].content, len(past)] == ["line 20", "line 449", 430]


async def test_the_programs_own_notices_are_none_of_the_models_words():
    settings = LlmSettings(model="m", base_url="http://127.0.0.1:1")
    chat = BareChat("hello")
    await chat.ctx.reply(Texts().unavailable)
    await chat.ctx.reply("a part\n(1/2)")

    past = await chat.ctx.history()

    assert prompt_of(past, me=chat.ctx.me, settings=settings, is_unfinished=False) == [
        {"role": "user", "content": "hello"},
        {"role": "assistant", "content": "a part"},
    ]
