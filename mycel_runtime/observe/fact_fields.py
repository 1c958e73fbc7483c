"""What a fact has to say, by name: as its line in the log and in a follower's stream has it."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from mycel_runtime.observe.facts import Fact


_names: Final[dict[type, tuple[str, ...]]] = {}
"""Of each kind's fields, once it was told."""


def fields_of(fact: Fact) -> dict[str, Any]:
    """In their order; `trace` only where there is one."""
    kind = type(fact)
    if (names := _names.get(kind)) is None:
        names = _names[kind] = tuple(field.name for field in dataclasses.fields(fact))
    fields = {name: getattr(fact, name) for name in names}
    if fields.get("trace") == "":
        del fields["trace"]
    return fields
