"""
The text of a post, with the words in braces filled in. Pure.

Only a few words are known, each stands for a text, and nothing is looked up in it: `{weekday}` is one, `{weekday.x}`,
`{weekday[0]}` and `{weekday:>9}` are none. `{{` and `}}` are braces.
"""

from __future__ import annotations

import string
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

WORDS: Final = ("date", "day", "month", "name", "time", "week", "weekday", "year")
"""What a text may name."""


class TemplateError(ValueError):
    """A text that cannot be filled in; says why."""


@dataclass(frozen=True, slots=True)
class Template:
    """
    A text that is filled in later.

    Attributes:
        text: As written.

    Raises:
        TemplateError: It names what is not known.
    """

    text: str

    def __post_init__(self) -> None:
        for _, word in self._parts():
            if word is not None and word not in WORDS:
                known = ", ".join(f"{{{each}}}" for each in WORDS)
                raise TemplateError(f"{{{word}}} is not known; there are {known}, and {{{{ for a brace")

    def filled(self, values: Mapping[str, str]) -> str:
        """
        The text with its words filled in.

        Args:
            values: Of all `WORDS`.
        """
        return "".join(literal + ("" if word is None else values[word]) for literal, word in self._parts())

    def _parts(self) -> list[tuple[str, str | None]]:
        """Literal text, and the word behind it, as it is written."""
        try:
            found = list(string.Formatter().parse(self.text))
        except ValueError as exc:
            raise TemplateError(f"{exc}; write {{{{ and }}}} for braces") from None
        return [
            (
                literal,
                None if word is None else word + (f"!{how}" if how else "") + (f":{form}" if form else ""),
            )
            for literal, word, form, how in found
        ]


def values_at(when: datetime, *, name: str, weekdays: Sequence[str], months: Sequence[str]) -> dict[str, str]:
    """
    What the words stand for.

    Args:
        when: Of the post, in its own time zone.
        name: Of the post.
        weekdays: Their seven names, from Monday.
        months: Their twelve names.
    """
    return {
        "date": when.date().isoformat(),
        "day": str(when.day),
        "month": months[when.month - 1],
        "name": name,
        "time": f"{when:%H:%M}",
        "week": str(when.isocalendar().week),
        "weekday": weekdays[when.weekday()],
        "year": str(when.year),
    }
