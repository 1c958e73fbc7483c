"""
The `pattern` of a filter: a regular expression that cannot stop the loop. Pure.

Python's own engine goes back and tries again, so that some expressions take ages on some texts, and whoever may write
to the agent chooses the text. Rust's `regex` crate, which pydantic brings along, matches in time linear in the text.
What it cannot match that way, look-around and references back, is refused when the handler is declared, or the
settings are read.
"""

from __future__ import annotations

import re
import warnings
from dataclasses import field
from typing import TYPE_CHECKING

from pydantic_core import SchemaError, SchemaValidator, core_schema

from mycel_runtime.lazy_dataclass import dataclass

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler


class PatternError(ValueError):
    """An expression that cannot be used; the text says why."""


@dataclass(frozen=True, slots=True)
class ContentPattern:
    """
    An expression to be found in a text.

    In a plugin's settings it is a type: `pattern: ContentPattern` is written as the expression itself.

    Attributes:
        source: As written. It must be one in Python's eyes too.

    Raises:
        PatternError: It is none.
    """

    source: str
    _engine: SchemaValidator = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        _require_python(self.source)
        try:
            engine = SchemaValidator(core_schema.str_schema(pattern=self.source, regex_engine="rust-regex"))
        except SchemaError as exc:
            raise PatternError(_reason(str(exc))) from None
        object.__setattr__(self, "_engine", engine)

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: type, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        """Called by pydantic: how it is read from a settings' text."""
        return core_schema.no_info_plain_validator_function(_pattern_of)

    def is_in(self, content: str) -> bool:
        """
        Whether it is found.

        As in Python, `$` is also before a line break that ends the content. Half a surrogate pair counts as a
        replacement character.
        """
        text = content if content.isascii() else _well_formed(content)
        return self._engine.isinstance_python(text) or (
            text.endswith("\n") and self._engine.isinstance_python(text[:-1])
        )


def _pattern_of(value: object) -> ContentPattern:
    if isinstance(value, ContentPattern):
        return value
    if not isinstance(value, str):
        raise PatternError("a regular expression is a text")
    return ContentPattern(value)


def _require_python(source: str) -> None:
    """What Python warns of means something else in sets of the other engine."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            re.compile(source)
        except (re.error, RecursionError, OverflowError, Warning) as exc:
            raise PatternError(str(exc)) from None


def _reason(text: str) -> str:
    """The last line of what the engine says; those before it draw the expression."""
    reason = text.strip().splitlines()[-1].removeprefix("error: ").strip()
    return f"{reason} (expressions are matched in linear time: without look-around and references back)"


def _well_formed(content: str) -> str:
    return content.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
