"""A store knows how much it holds, whatever was done to it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mycel_runtime.journal.changes import Item
from mycel_runtime.plugin.stored_items import StoredItems

KEYS = st.sampled_from(["a", "bb", "ccc"])
TEXTS = st.text(alphabet="x1", max_size=4)


@given(
    first=st.dictionaries(KEYS, TEXTS),
    changes=st.lists(st.tuples(KEYS, st.none() | TEXTS), max_size=20),
)
def test_its_size_is_that_of_what_is_there(first, changes):
    items = StoredItems({key: Item(value, 1) for key, value in first.items()})
    expected = dict(first)
    for key, value in changes:
        if value is not None:
            items[key], expected[key] = Item(value, 2), value
        elif key in items:
            del items[key], expected[key]
        assert items.size == sum(len(key) + len(value) for key, value in expected.items())
    assert {key: item.value for key, item in items.items()} == expected


def test_what_it_was_made_of_stays_as_it_is():
    read = {"a": Item("1", 1)}

    items = StoredItems(read)
    items["b"] = Item("22", 2)

    assert (read, items.size, StoredItems().size) == ({"a": Item("1", 1)}, 5, 0)
