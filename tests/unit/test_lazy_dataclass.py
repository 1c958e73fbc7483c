"""Dataclasses of ours are what the standard library would have made of them."""

from __future__ import annotations

import ast
import copy
import dataclasses
import importlib
import inspect
import pickle
import subprocess
import sys
from dataclasses import field
from pathlib import Path
from typing import Any, ClassVar

import pytest

import mycel_runtime
from mycel_runtime.lazy_dataclass import dataclass

PACKAGE = Path(mycel_runtime.__file__).parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    kind: ClassVar[str] = "point"
    x: int
    y: int = 2
    label: str = field(default="secret", repr=False, compare=False)
    seen: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place(Point):
    z: int


@dataclass(slots=True)
class Sum:
    first: int
    second: int = 1
    total: int = field(init=False)
    calls: list[str] = field(init=False, default_factory=list)
    name: str = field(init=False, default="sum")

    def __post_init__(self):
        self.total = self.first + self.second


@dataclass(frozen=True, slots=True)
class Own:
    value: int

    def __eq__(self, other):
        return isinstance(other, Own)

    def __hash__(self):
        return 7

    def __repr__(self):
        return "own"


@dataclass(frozen=True, slots=True)
class Made:
    value: int

    def __init__(self):
        object.__setattr__(self, "value", 3)


@dataclass(slots=True, eq=False)
class Itself:
    value: int


@dataclass(frozen=True, slots=True)
class Single:
    value: float


@dataclass(slots=True)
class Circle:
    of: Any = None


def modules():
    for path in sorted(PACKAGE.rglob("*.py")):
        if path.name != "__main__.py":
            parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
            yield importlib.import_module(".".join(parts[:-1] if parts[-1] == "__init__" else parts))


def classes():
    return [
        each
        for module in modules()
        for each in vars(module).values()
        if isinstance(each, type)
        and each.__module__ == module.__name__
        and "__dataclass_fields__" in vars(each)
    ]


@dataclass()
class Loose:
    value: int = 1
    seen: list[int] = field(default_factory=list)
    hidden: int = field(default=2, repr=False)

    def doubled(self):
        return self.value * 2


@dataclass()
class Looser(Loose):
    more: int = 3

    def doubled(self):
        return super().doubled() + self.more


def made_by_the_standard_library(cls):
    """With the same fields; of its methods only the signature of `__init__` is looked at."""
    fields = [
        (
            each.name,
            each.type,
            field(
                default=each.default,
                default_factory=each.default_factory,
                init=each.init,
                kw_only=each.kw_only,
            ),
        )
        for each in dataclasses.fields(cls)
    ]
    return dataclasses.make_dataclass(cls.__name__, fields)


@pytest.mark.slow
def test_every_dataclass_is_made_as_the_standard_library_makes_it():
    found = [each for each in classes() if "__init__" not in _defined(each)]

    assert len(found) > 300
    for each in found:
        expected = inspect.signature(made_by_the_standard_library(each)).parameters.values()
        assert [(one.name, one.kind, repr(one.default)) for one in expected] == [
            (one.name, one.kind, repr(one.default)) for one in inspect.signature(each).parameters.values()
        ], each


def _defined(cls):
    """Names of the functions that its source defines."""
    tree = ast.parse(inspect.cleandoc(inspect.getsource(cls)))
    return {each.name for each in ast.walk(tree) if isinstance(each, ast.FunctionDef)}


def test_no_class_of_the_package_is_compiled_at_its_import():
    """Where the standard library's decorator is used, a daemon starts later, and nobody sees why."""
    sources = [path for path in PACKAGE.rglob("*.py") if path.name != "lazy_dataclass.py"]
    imports = [
        (path, name.name)
        for path in sources
        for each in ast.walk(ast.parse(path.read_text()))
        if isinstance(each, ast.ImportFrom) and each.module == "dataclasses"
        for name in each.names
    ]

    assert [path for path, name in imports if name == "dataclass"] == []
    assert [path for path in sources if "@dataclasses.dataclass" in path.read_text()] == []


def test_an_init_is_compiled_when_it_is_first_asked_for():
    code = (
        "from mycel_runtime.observe.facts import DaemonStarted as Kind\n"
        "print('exec' if hasattr(vars(Kind)['__init__'], '__code__') else 'late')\n"
        "try: Kind()\n"
        "except TypeError as exc: print(exc)\n"
        "print('exec' if hasattr(vars(Kind)['__init__'], '__code__') else 'late')\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )

    first, refused, second = ended.stdout.splitlines()
    assert (first, second) == ("late", "exec")
    assert "missing 4 required keyword-only arguments: 'agent', 'server', " in refused


@pytest.mark.slow
def test_every_dataclass_has_the_slots_and_the_place_arguments_of_its_fields():
    for each in classes():
        names = [one.name for one in dataclasses.fields(each)]
        slots = {slot for base in each.__mro__[:-1] for slot in vars(base).get("__slots__", ())}

        assert set(names) <= slots or "__slots__" not in vars(each), each
        by_place = [one.name for one in dataclasses.fields(each) if one.init and not one.kw_only]
        assert list(each.__match_args__) == by_place, each
        assert dataclasses.is_dataclass(each)


def test_fields_are_collected_when_they_are_first_asked_for():
    code = (
        "from mycel_runtime.observe.facts import DaemonStarted as Kind\n"
        "import dataclasses\n"
        "late = type(vars(Kind)['__dataclass_fields__'])\n"
        "print(late is dict, type(vars(Kind)['__match_args__']) is tuple)\n"
        "print([each.name for each in dataclasses.fields(Kind)][:2])\n"
        "print(type(vars(Kind)['__dataclass_fields__']) is dict, vars(Kind)['__match_args__'])\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )

    assert ended.stdout.splitlines() == ["False False", "['agent', 'server']", "True ()"]


def test_one_without_slots_stays_the_class_that_it_was():
    loose = Looser(value=4)

    assert (loose.doubled(), loose.seen, Looser.value, Looser.hidden) == (11, [], 1, 2)
    assert not hasattr(Loose, "seen")
    loose.other = 1
    assert loose == Looser(4) != Looser(5)


def test_what_is_of_the_class_is_no_field():
    assert Point.kind == "point"
    assert "kind" not in Point.__slots__


def test_fields_have_what_was_given_or_their_defaults():
    point = Point(x=1)

    assert (point.x, point.y, point.label, point.seen) == (1, 2, "secret", [])
    assert Point(x=1).seen is not point.seen
    assert Point(x=1, seen=[3]).seen == [3]
    assert [each.name for each in dataclasses.fields(point)] == ["x", "y", "label", "seen"]
    assert not hasattr(point, "__dict__")


def test_fields_of_a_base_come_first():
    assert repr(Place(x=1, z=4)) == "Place(x=1, y=2, seen=[], z=4)"


def test_what_is_no_argument_is_set_all_the_same():
    total = Sum(2)

    assert (total.total, total.calls, total.name) == (3, [], "sum")
    with pytest.raises(TypeError):
        Sum(2, total=3)


def test_arguments_by_name_only_are_refused_by_place():
    with pytest.raises(TypeError):
        Point(1)


def test_a_frozen_one_takes_and_loses_nothing():
    point = Point(x=1)

    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot assign to field 'x'"):
        point.x = 2
    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot delete field 'x'"):
        del point.x
    assert point.x == 1


def test_equal_ones_have_equal_fields_and_one_class():
    assert Point(x=1, label="a") == Point(x=1, label="b")
    assert Point(x=1) != Point(x=2)
    assert Point(x=1) != Place(x=1, z=1)
    assert Single(1.0) == Single(1.0)
    assert Single(1.0) != 1.0


def test_one_that_is_not_a_number_equals_itself():
    """As in the standard library's tuples."""
    unknown = Single(float("nan"))

    assert unknown == copy.copy(unknown)


def test_a_frozen_one_is_a_key_and_a_changing_one_is_none():
    assert {Single(1.0): "one"} == {Single(1.0): "one"}
    assert hash(Single(1.0)) == hash(Single(1.0))
    with pytest.raises(TypeError, match="unhashable"):
        hash(Sum(2))
    assert len({Itself(1)}) == 1
    assert Itself(1) != Itself(1)


def test_what_a_class_defines_itself_stays():
    assert (repr(Own(1)), hash(Own(1)), Own(1) == Own(2)) == ("own", 7, True)
    assert Made().value == 3


def test_a_value_that_contains_itself_is_shown():
    circle = Circle()
    circle.of = circle

    assert repr(circle) == "Circle(of=...)"


def test_copies_are_equal():
    point = Point(x=1, seen=[1])

    assert point == copy.copy(point) == copy.deepcopy(point) == pickle.loads(pickle.dumps(point))
    assert Point(x=5, seen=[1]) == dataclasses.replace(point, x=5)
    assert dataclasses.asdict(point) == {"x": 1, "y": 2, "label": "secret", "seen": [1]}


def test_a_class_pattern_takes_fields_by_place():
    match Sum(2, 5):
        case Sum(first, second):
            assert (first, second) == (2, 5)
        case _:
            pytest.fail("no match")


def test_a_super_class_s_init_can_be_called():
    class Louder(Single):
        __slots__ = ()

        def __init__(self, value):
            super().__init__(value * 2)

    assert Louder(2).value == 4
