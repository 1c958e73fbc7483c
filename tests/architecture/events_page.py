"""
`systemd/events.md`: every event of the log, made from the facts themselves.

    python -m tests.architecture.events_page     writes it anew
"""

from __future__ import annotations

import dataclasses
import inspect
import re
from pathlib import Path
from typing import Final

from mycel_runtime.observe import facts
from mycel_runtime.observe.facts import Fact

PAGE: Final = Path(__file__).parents[2] / "systemd" / "events.md"

STAR: Final = r"\*"

HEAD: Final = """\
# Events of the log

Every line that the runtime itself writes has one of these as its `event`, and the fields named with it; also `level`,
`timestamp` (ISO 8601) and, where it is known, `agent`. No field carries a token or the text of a message. Of events
marked with \\* those that are alike in the marked fields have one line a second: it stands for itself and for as many
more as its field `repeated` says. Lines with other events are a handler's own, or a library's, which name
their `logger`. `status --json` counts the same events, in `events`.

Made from the docstrings in `mycel_runtime/observe/facts` by `python -m tests.architecture.events_page`.
"""

TYPES: Final = {"str": "text", "int": "number", "float": "number", "bool": "true or false", "None": "null"}


def all_facts():
    """Every fact that can be told, by its event's name."""
    kinds = [each for each in vars(facts).values() if isinstance(each, type) and issubclass(each, Fact)]
    return sorted((kind for kind in kinds if kind is not Fact), key=lambda fact: fact.name)


def meaning(fact):
    """What its docstring says of the fact as a whole."""
    return " ".join(re.split(r"\n\s*Attributes:\n", inspect.cleandoc(fact.__doc__))[0].split())


def field_meanings(fact):
    """What the docstrings of a fact and of what it is made from say of its fields."""
    found = {}
    for kind in reversed(fact.__mro__):
        if not (issubclass(kind, Fact) and kind is not Fact and kind.__doc__):
            continue
        _, _, attributes = inspect.cleandoc(kind.__doc__).partition("Attributes:\n")
        for entry in re.split(r"\n(?=    \S)", attributes.rstrip()):
            names, colon, text = entry.strip().partition(":")
            for name in names.split(", ") if colon else ():
                found[name] = " ".join(text.split())
    return found


def page():
    """The whole page."""
    return "\n".join([HEAD, *map(_section, sorted({fact.name.split(".")[0] for fact in all_facts()}))])


def _section(noun):
    rows = [_row(fact) for fact in all_facts() if fact.name.split(".")[0] == noun]
    head = ["| event | level | meaning | fields |", "| --- | --- | --- | --- |"]
    return "\n".join([f"## {noun}", "", *head, *rows, ""])


def _row(fact):
    star = "" if fact.alike_by is None else STAR
    fields = "<br>".join(_field(fact, field) for field in dataclasses.fields(fact))
    return f"| `{fact.name}`{star} | {fact.level} | {_cell(meaning(fact))} | {fields} |"


def _field(fact, field):
    star = STAR if field.name in (fact.alike_by or ()) else ""
    return f"`{field.name}`{star} ({_type(field.type)}): {_cell(field_meanings(fact).get(field.name, ''))}"


def _type(annotation):
    return " or ".join(TYPES.get(word.strip(), word.strip()) for word in annotation.split("|"))


def _cell(text):
    return text.replace("|", r"\|")


if __name__ == "__main__":
    PAGE.write_text(page())
