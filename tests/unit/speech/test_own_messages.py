"""Which own messages this journal has not sent."""

from __future__ import annotations

import pytest

from mycel_runtime.journal.own_sends import OwnSends
from mycel_runtime.speech.caught_up import content_hash
from mycel_runtime.speech.own_messages import own_messages, unexplained
from tests.unit.speech.test_caught_up import message


def own(seq, content="hi", **extra):
    return message(seq, sender="me", content=content, message_type="human") | extra


def known(*ids, **unplaced):
    hashes = {content_hash(content): base_seq for content, base_seq in unplaced.items()}
    return OwnSends(message_ids=frozenset(ids), unplaced=hashes)


def test_own_messages_are_what_the_identity_said_above_the_cursor():
    history = [own(1), own(2), message(3, message_type="human"), own(4, message_type="notification")]
    assert [each["seq"] for each in own_messages(history, me="me", after_seq=1)] == [2]


@pytest.mark.parametrize(
    ("sends", "strange"),
    [
        (known(), [5]),
        (known("m5"), []),
        (known("m4"), [5]),
        (known(hi=4), []),
        (known(hi=5), [5]),
        (known(ho=4), [5]),
    ],
    ids=["nothing", "its id", "same words, another id", "its words", "its words, later", "other words"],
)
def test_a_message_is_ours_by_its_id_or_by_words_that_were_under_way(sends, strange):
    assert [each["seq"] for each in unexplained([own(5)], sends)] == strange
