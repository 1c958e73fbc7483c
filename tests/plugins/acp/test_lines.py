"""Lines of any length, in whatever pieces they come, in bounded memory."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mycel_runtime_plugins.acp import lines
from mycel_runtime_plugins.acp.lines import LINE_BYTES, TEXT_BYTES, LineReader


def read(reader, data, size):
    return [line for at in range(0, len(data), size) for line in reader.feed(data[at : at + size])]


@given(st.lists(st.binary().filter(lambda text: b"\n" not in text)), st.integers(1, 50))
def test_lines_come_as_they_were_sent_whatever_the_pieces(sent, size):
    data = b"".join(line + b"\n" for line in sent)

    assert [line.data for line in read(LineReader(), data, size)] == sent


def test_a_line_that_is_long_by_its_texts_keeps_its_structure_and_loses_their_rest():
    message = {"id": 7, "params": {"text": "x" * 3_000_000, "more": ["é" * 10, 'a "quoted" \\ word']}}
    data = json.dumps(message).encode() + b'\n{"next": 1}\n'

    first, second = read(LineReader(), data, 65_536)

    assert first.is_cut
    assert len(first.data) < TEXT_BYTES + 1_000
    assert json.loads(first.data) == {"id": 7, "params": {**message["params"], "text": "x" * TEXT_BYTES}}
    assert (second.data, second.is_cut) == (b'{"next": 1}', False)


@given(st.text(), st.integers(1, 9), st.integers(0, 30))
def test_wherever_a_text_is_cut_the_line_can_be_read(text, size, room):
    """In the middle of an escape, of a pair of them, or of a character of several bytes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lines, "WHOLE_BYTES", 0)
        patch.setattr(lines, "TEXT_BYTES", room)
        for data in (
            json.dumps([text, 1]).encode(),
            json.dumps([text, 1], ensure_ascii=False).encode(errors="surrogatepass"),
        ):
            [line] = read(LineReader(), data + b"\n", size)

            kept, one = json.loads(line.data.decode(errors="replace"))
            assert one == 1
            assert kept == text or line.is_cut
            if text.isascii():
                assert text.startswith(kept)


def test_a_line_that_is_long_by_its_structure_is_lost_and_counted():
    reader = LineReader()

    assert [line.data for line in read(reader, b"[" * (LINE_BYTES + 1) + b"\nnext\n", 65_536)] == [b"next"]
    assert reader.lost == 1
