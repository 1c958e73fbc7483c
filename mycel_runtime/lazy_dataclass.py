"""
Dataclasses whose methods are not compiled before they are needed.

The standard library writes and compiles six functions for each frozen dataclass that is imported. Those of this
package were 2,000: a quarter of the time until a daemon is ready, and three MiB of it, though in its whole life it
makes objects of every fourth class. Here the fields are the standard library's (`fields`, `replace` and type checkers
see no difference), an `__init__` is compiled when it is first asked for, and the other methods are the same for all
classes.
"""

from __future__ import annotations

import dataclasses
from functools import cache
from operator import attrgetter
from reprlib import recursive_repr
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable
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
        collect = dataclasses.dataclass(init=False, repr=False, eq=False, slots=slots, kw_only=kw_only)

        def decorate(cls: type) -> type:
            own = {**_METHODS, **(_COMPARISON if eq else {}), **(_FROZEN if frozen else {})}
            if eq and not frozen:
                own["__hash__"] = None
            named = vars(cls)
            is_hash_own = named.get("__hash__") is not None
            cls, defined = collect(cls), {*named} - (set() if is_hash_own else {"__hash__"})
            for name, method in own.items():
                if name not in defined:
                    setattr(cls, name, method)
            if "__init__" not in defined:
                cls.__init__ = _LateInit(cls, is_frozen=frozen)
            return cls

        return decorate


__all__ = ["dataclass"]


class _LateInit:
    """The `__init__` of a class until somebody asks for it; then the real one takes its place."""

    __slots__ = ("_is_frozen", "_of")

    def __init__(self, of: type, *, is_frozen: bool) -> None:
        self._of = of
        self._is_frozen = is_frozen

    def __get__(self, instance: object | None, owner: type | None = None) -> Any:
        init = _init_of(self._of, is_frozen=self._is_frozen)
        self._of.__init__ = init  # type: ignore[misc]  # in any thread: two would be alike
        return init if instance is None else init.__get__(instance, owner)


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


def _refuse_value(_self: object, name: str, _value: object) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_deletion(_self: object, name: str) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")


def _state(self: Any) -> list[Any]:
    return [getattr(self, field.name) for field in dataclasses.fields(self)]


def _take_state(self: Any, state: list[Any]) -> None:
    for field, value in zip(dataclasses.fields(self), state, strict=True):
        object.__setattr__(self, field.name, value)


_METHODS: Final = {"__repr__": _repr}
_COMPARISON: Final = {"__eq__": _equals, "__hash__": _hash}
_FROZEN: Final = {
    "__setattr__": _refuse_value,
    "__delattr__": _refuse_deletion,
    "__getstate__": _state,
    "__setstate__": _take_state,
}
