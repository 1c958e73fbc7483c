"""
Dataclasses that are made when they are needed.

The standard library writes and compiles six functions for each frozen dataclass that is imported, and makes an object
of each field. Those of this package were 2,000 and 1,500: a quarter of the time until a daemon is ready, and three
MiB of it, though in its whole life it makes objects of every fourth class. Here an import makes the class with its
slots. Its fields are the standard library's, collected when somebody first asks for them (`fields`, `replace`,
patterns and type checkers see no difference), an `__init__` is compiled when it is first asked for, and the other
methods are the same for all classes.
"""

from __future__ import annotations

import dataclasses
from functools import cache
from operator import attrgetter
from reprlib import recursive_repr
from typing import TYPE_CHECKING, Any, Final, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from dataclasses import dataclass

else:

    def dataclass(
        *, frozen: bool = False, slots: bool = False, kw_only: bool = False, eq: bool = True
    ) -> Callable[[type], type]:
        """
        As `dataclasses.dataclass` with these arguments.

        Other than there, nothing can be set in subclasses of a frozen one either, and `dataclasses` takes it for one
        that is not frozen: decorate subclasses with this, too.
        """
        own = {**_METHODS, **(_COMPARISON if eq else {}), **(_FROZEN if frozen else {})}
        if eq and not frozen:
            own["__hash__"] = None

        def decorate(cls: type) -> type:
            named = dict(vars(cls))
            if named.get("__hash__") is None:
                named.pop("__hash__", None)
            members = {**own, "__init__": _LateInit(is_frozen=frozen), **named}
            return _made(cls, members, _LateFields(named, is_kw_only=kw_only), has_slots=slots)

        return decorate


__all__ = ["dataclass"]


class _LateInit:
    """The `__init__` of a class until somebody asks for it; then the real one takes its place."""

    __slots__ = ("_is_frozen", "_of")

    def __init__(self, *, is_frozen: bool) -> None:
        self._of: type
        self._is_frozen = is_frozen

    def stand_in(self, of: type) -> None:
        """It is an attribute of this class."""
        self._of = of

    def __get__(self, instance: object | None, owner: type | None = None) -> Any:
        init = _init_of(self._of, is_frozen=self._is_frozen)
        self._of.__init__ = init  # type: ignore[misc]  # in any thread: two would be alike
        return init if instance is None else init.__get__(instance, owner)


class _LateFields:
    """
    What the standard library knows of a class by its annotations, until somebody asks for it.

    Args:
        named: All that the class defines.
    """

    __slots__ = ("_annotations", "_is_kw_only", "_of", "_values")

    def __init__(self, named: Mapping[str, Any], *, is_kw_only: bool) -> None:
        self._of: type
        self._annotations = named.get("__annotations__", {})
        self._values = {name: named[name] for name in self._annotations if name in named}
        self._is_kw_only = is_kw_only

    @property
    def names(self) -> tuple[str, ...]:
        """Of the class's own fields."""
        kinds = self._annotations.items()
        return tuple(name for name, kind in kinds if not kind.startswith(_OF_THE_CLASS))

    def stand_in(self, of: type) -> None:
        """It is of this class."""
        self._of = of

    def collected(self) -> type:
        """The class, with the real ones in their places; in any thread: two would be alike."""
        of = self._of
        # Without a docstring it would get one, of a signature that takes longer than all of this.
        members = {"__module__": of.__module__, "__doc__": of.__name__, "__annotations__": self._annotations}
        members |= self._values
        own: Any = dataclasses.dataclass(init=False, repr=False, eq=False, kw_only=self._is_kw_only)(
            type(of.__name__, (), members)
        )
        fields: dict[str, dataclasses.Field[Any]] = {}
        for base in of.__mro__[:0:-1]:
            fields |= getattr(base, "__dataclass_fields__", {})
        found: Any = of
        found.__dataclass_params__ = own.__dataclass_params__
        found.__dataclass_fields__ = fields | own.__dataclass_fields__
        by_place = (each.name for each in dataclasses.fields(found) if each.init and not each.kw_only)
        setattr(found, "__match_args__", tuple(by_place))  # noqa: B010 - mypy lets nobody assign it
        return of


_OF_THE_CLASS: Final = ("ClassVar", "typing.ClassVar")
"""How annotations begin that make no field."""


class _Late:
    """One attribute of a class that `_LateFields` has."""

    __slots__ = ("_fields", "_name")

    def __init__(self, name: str, fields: _LateFields) -> None:
        self._name = name
        self._fields = fields

    def __get__(self, instance: object | None, owner: type | None = None) -> Any:
        return vars(self._fields.collected())[self._name]


_LATE: Final = ("__dataclass_fields__", "__dataclass_params__", "__match_args__")


def _made(cls: type, members: dict[str, Any], fields: _LateFields, *, has_slots: bool) -> type:
    """The class with these members; where it gets slots, as the standard library: another one in its place."""
    members |= {name: _Late(name, fields) for name in _LATE}
    made: Any = _with_slots(cls, members, fields.names) if has_slots else _without_slots(cls, members)
    fields.stand_in(made)
    if isinstance(init := members["__init__"], _LateInit):
        init.stand_in(made)
    return cast("type", made)


def _with_slots(cls: type, members: dict[str, Any], names: tuple[str, ...]) -> type:
    """Methods are added faster so than to a class that is there."""
    taken = {slot for base in cls.__mro__[1:-1] for slot in vars(base).get("__slots__", ())}
    replaced = {*_NOT_FOR_SLOTS, *names}
    members = {name: value for name, value in members.items() if name not in replaced}
    members["__slots__"] = tuple(name for name in names if name not in taken)
    made = type(cls)(cls.__name__, cls.__bases__, members)
    made.__qualname__ = cls.__qualname__
    return made


_NOT_FOR_SLOTS: Final = ("__dict__", "__weakref__")


def _without_slots(cls: type, members: dict[str, Any]) -> type:
    for name, given in members.items():
        value = given
        if isinstance(given, dataclasses.Field):
            delattr(cls, name)
            value = given.default
        if value is not dataclasses.MISSING and vars(cls).get(name) is not value:
            setattr(cls, name, value)
    return cls


def _init_of(cls: type, *, is_frozen: bool) -> Any:
    """What the standard library would have made."""
    fields = dataclasses.fields(cls)
    names = {"__name__": cls.__module__, "_dataclass_set": object.__setattr__, "_dataclass_made": _MADE}
    names |= {f"_default_{each.name}": each.default for each in fields if _has_default(each)}
    names |= {f"_make_{each.name}": each.default_factory for each in fields if _has_default(each)}
    given = [field for field in fields if field.init]
    parameters = ["self", *(_parameter(field) for field in given if not field.kw_only)]
    if by_name := [_parameter(field) for field in given if field.kw_only]:
        parameters += ["*", *by_name]
    body = [_assignment(field, is_frozen=is_frozen) for field in fields if field.init or _has_default(field)]
    if hasattr(cls, "__post_init__"):
        body.append("self.__post_init__()")
    text = "\n ".join([f"def __init__({', '.join(parameters)}):", *(body or ["pass"])])
    exec(text, names)  # noqa: S102 - names of fields, and nothing else
    init = names["__init__"]
    init.__qualname__ = f"{cls.__qualname__}.__init__"
    init.__annotations__ = {**{field.name: field.type for field in given}, "return": None}
    return init


def _parameter(field: dataclasses.Field[Any]) -> str:
    if field.default is not dataclasses.MISSING:
        return f"{field.name}=_default_{field.name}"
    return field.name if field.default_factory is dataclasses.MISSING else f"{field.name}=_dataclass_made"


def _assignment(field: dataclasses.Field[Any], *, is_frozen: bool) -> str:
    name = field.name
    value = name if field.init else f"_default_{name}"
    if field.default_factory is not dataclasses.MISSING:
        value = (
            f"_make_{name}() if {name} is _dataclass_made else {name}" if field.init else f"_make_{name}()"
        )
    return f"_dataclass_set(self, {name!r}, {value})" if is_frozen else f"self.{name} = {value}"


def _has_default(field: dataclasses.Field[Any]) -> bool:
    return not field.default is field.default_factory is dataclasses.MISSING


_MADE: Final = type("_Made", (), {"__repr__": lambda _self: "<factory>"})()
"""Stands for what a factory makes anew for each object."""


@cache
def _values(cls: type) -> Callable[[object], tuple[Any, ...]]:
    """Of an object of this class: what it is compared by."""
    names = [field.name for field in dataclasses.fields(cls) if field.compare]
    if len(names) > 1:
        return attrgetter(*names)
    return lambda each: tuple(getattr(each, name) for name in names)


def _equals(self: Any, other: Any) -> Any:
    if type(other) is not type(self):
        return NotImplemented
    values = _values(type(self))  # type: ignore[arg-type]  # a class has a hash
    return values(self) == values(other)


def _hash(self: Any) -> int:
    return hash(_values(type(self))(self))  # type: ignore[arg-type]  # likewise


@recursive_repr()
def _repr(self: Any) -> str:
    shown = (f"{each.name}={getattr(self, each.name)!r}" for each in dataclasses.fields(self) if each.repr)
    return f"{type(self).__qualname__}({', '.join(shown)})"


def _replaced(self: Any, /, **changes: Any) -> Any:
    """For `copy.replace`, of Python 3.13."""
    return dataclasses.replace(self, **changes)


def _refuse_value(_self: object, name: str, _value: object) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_deletion(_self: object, name: str) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")


def _state(self: Any) -> list[Any]:
    return [getattr(self, field.name) for field in dataclasses.fields(self)]


def _take_state(self: Any, state: list[Any]) -> None:
    for field, value in zip(dataclasses.fields(self), state, strict=True):
        object.__setattr__(self, field.name, value)


_METHODS: Final = {"__repr__": _repr, "__replace__": _replaced}
_COMPARISON: Final = {"__eq__": _equals, "__hash__": _hash}
_FROZEN: Final = {
    "__setattr__": _refuse_value,
    "__delattr__": _refuse_deletion,
    "__getstate__": _state,
    "__setstate__": _take_state,
}
