"""What a run sees and changes of its plugin's store."""

from __future__ import annotations

import pytest
from pydantic import BaseModel, ValidationError

from mycel_runtime.errors import ArgumentError
from mycel_runtime.journal.changes import Item, ItemChange
from mycel_runtime.plugin.context_run import ContextEndedError
from mycel_runtime.plugin.store import STORE_BYTES, Store
from mycel_runtime.plugin.stored_items import StoredItems


class Person(BaseModel):
    name: str
    visits: int = 0


class Run:
    """Whether it is over."""

    is_over = False

    def require_open(self):
        if self.is_over:
            raise ContextEndedError


@pytest.fixture
def run():
    return Run()


@pytest.fixture
def items():
    return StoredItems({"a": Item("1", 5), "b": Item('{"name":"Bo"}', 6)})


@pytest.fixture
def store(items, run):
    return Store(items, chat_id="c", require_open=run.require_open)


def change(key, value, made_from):
    return ItemChange(chat_id="c", key=key, value=value, made_from=made_from)


def test_it_is_a_mapping_of_what_is_there(store):
    assert dict(store) == {"a": 1, "b": {"name": "Bo"}}
    assert (len(store), "a" in store, "z" in store, 3 in store) == (2, True, False, False)
    assert (store.get("z"), store.get("z", 7), store["a"]) == (None, 7, 1)
    with pytest.raises(KeyError):
        store["z"]
    assert store.changes() == ()


@pytest.mark.parametrize(
    "value", [0, -1, 17, 2**63 - 1, -(2**63), 2**200, True, None, 1.5, "", "7", "ä\ud800"]
)
def test_what_is_read_is_what_was_written(items, run, value):
    store = Store(items, chat_id="c", require_open=run.require_open)
    store["a"] = value
    (made,) = store.changes()

    items["a"] = Item(made.value, 9)
    read = Store(items, chat_id="c", require_open=run.require_open)["a"]
    assert (read, type(read)) == (value, type(value))


def test_a_number_of_more_digits_than_python_prints_is_refused(store):
    with pytest.raises(ArgumentError):
        store["a"] = 10**5_000


def test_a_run_sees_its_own_changes_and_nothing_is_changed_for_others(store, items):
    store["a"] += 1
    store["n"] = [1, None, True, 2.5, {"x": "ä"}]
    del store["b"]

    assert dict(store) == {"a": 2, "n": [1, None, True, 2.5, {"x": "ä"}]}
    assert items == {"a": Item("1", 5), "b": Item('{"name":"Bo"}', 6)}


def test_a_change_says_what_it_was_made_from(store):
    store["a"] += 1
    del store["b"]
    store.setdefault("new", "x")
    store["unseen"] = None

    assert store.changes() == (
        change("a", "2", 5),
        change("b", None, 6),
        change("new", '"x"', 0),
        change("unseen", "null", None),
    )


def test_who_has_listed_the_keys_has_seen_that_others_are_not_there(store):
    assert sorted(store) == ["a", "b"]
    store["new"] = 1
    store["a"] = 2

    assert store.changes() == (change("new", "1", 0), change("a", "2", 5))


def test_a_key_is_read_once_whatever_others_do_meanwhile(store, items):
    assert store["a"] == 1
    assert "z" not in store
    items["a"] = Item("9", 8)
    items["z"] = Item("9", 9)
    store["a"] += 1
    store["z"] = 1

    assert store.changes() == (change("a", "2", 5), change("z", "1", 0))


def test_who_has_listed_the_keys_sees_none_that_comes_later(store, items):
    assert len(store) == 2
    items["z"] = Item("9", 9)

    assert "z" not in store
    assert len(store) == 2


def test_what_is_assigned_as_it_was_is_no_change(store):
    store["a"] = store["a"]
    store["b"] = dict(store["b"])
    assert "z" not in store
    store["z"] = 1
    del store["z"]

    assert store.changes() == ()


def test_a_value_is_a_copy(store):
    store["list"] = []
    store["list"].append(1)

    assert store["list"] == []


def test_a_model_goes_in_and_comes_out(store):
    assert store.get_model("b", Person) == Person(name="Bo")
    assert store.get_model("z", Person) is None
    store["b"] = Person(name="Bo", visits=1)

    assert store["b"] == {"name": "Bo", "visits": 1}
    assert store.get_model("b", Person) == Person(name="Bo", visits=1)
    with pytest.raises(ValidationError):
        store.get_model("a", Person)


def test_clear_and_update_are_those_of_a_mapping(store):
    store.clear()
    assert len(store) == 0
    store.update({"a": 1}, n=2)

    assert dict(store) == {"a": 1, "n": 2}
    assert store.changes() == (change("b", None, 6), change("n", "2", 0))


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ({1: 2}, "holds an int as a key, and JSON's are texts"),
        ({"a": [{(1, 2): 3}]}, "holds a tuple as a key, and JSON's are texts"),
        ({"a": [(1, 2)]}, "holds a tuple"),
        (object(), "holds an object"),
        (b"x", "holds a bytes"),
        (float("nan"), "NaN"),
        ("x" * 65_536, "65,538 bytes of JSON, and 65,536 are the most"),
    ],
)
def test_what_is_no_json_or_too_large_is_refused_where_it_is_assigned(store, value, problem):
    with pytest.raises(ArgumentError, match=problem):
        store["v"] = value
    assert store.changes() == ()


def test_an_error_never_quotes_what_was_to_be_stored(store):
    with pytest.raises(ArgumentError) as refused:
        store["secret-key"] = {"secret": {"deep": [b"secret"]}}

    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("key", ["", "x" * 257, "a\0b", "\ud800", 3])
def test_what_is_no_key_is_refused(store, key):
    with pytest.raises(ArgumentError):
        store[key] = 1


def test_half_a_surrogate_pair_in_a_value_is_kept(store):
    store["v"] = "\ud800"

    assert store["v"] == "\ud800"
    store.changes()[0].value.encode()


def test_a_store_has_a_limit_that_deleting_makes_room_in(store):
    piece = "x" * 65_000
    for number in range(STORE_BYTES // 65_100):
        store[f"{number}"] = piece
    with pytest.raises(ArgumentError, match="1,048,576 bytes"):
        store["more"] = piece
    store["0"] = piece
    del store["0"]
    store["more"] = piece


def test_what_is_written_again_and_again_takes_its_room_once(store):
    for _ in range(100):
        store["v"] = "x" * 60_000
        store["w"] = 1
        del store["w"]

    assert store._size == sum(len(key) + len(store._text(key)) for key in store)


@pytest.mark.parametrize(
    "use",
    [
        lambda store: store["a"],
        lambda store: store.get_model("a", Person),
        lambda store: store.__setitem__("a", 1),
        lambda store: store.__delitem__("a"),
        lambda store: "a" in store,
        len,
        list,
    ],
)
def test_nothing_is_read_or_changed_when_the_run_is_over(store, run, use):
    run.is_over = True

    with pytest.raises(ContextEndedError):
        use(store)


def test_what_it_shows_of_itself_are_no_values(store):
    store["a"] = "secret"

    assert repr(store) == "<Store changed=1>"


def test_what_a_run_depends_on_is_changed_to_what_it_is(store):
    """So that it is refused if it is another by then; be it there or not."""
    store["a"] = 2
    store.depend_on("a", "b", "missing")

    assert store.changes() == (
        ItemChange(chat_id="c", key="a", value="2", made_from=5),
        ItemChange(chat_id="c", key="b", value='{"name":"Bo"}', made_from=6),
        ItemChange(chat_id="c", key="missing", value=None, made_from=0),
    )
    with pytest.raises(ArgumentError):
        store.depend_on("")
