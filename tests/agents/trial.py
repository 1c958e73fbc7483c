"""One agent, its surroundings, and what was seen of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from tests.agents.household import until

if TYPE_CHECKING:
    from tests.agents.fake_model import FakeModel
    from tests.agents.household import Household, Person

REPLY_SECONDS: Final = 240.0

LEFT_SECONDS: Final = 30.0
"""For what the agent has started to end, once its runtime has."""

WATCHED_SECONDS: Final = 5.0
"""In which a reply too many, or a deed, would come."""


@dataclass
class Report:
    """What was seen of one agent."""

    name: str
    version: str = "-"
    cells: dict[str, str] = field(default_factory=dict)
    others: list[str] = field(default_factory=list)
    """Replies without any of the words that were asked for: what the plugin itself has said."""
    wrong: list[str] = field(default_factory=list)

    def expect(self, is_so: object, what: str) -> bool:
        if not is_so:
            self.wrong.append(what)
        return bool(is_so)


@dataclass
class Trial:
    """One agent, its surroundings, and what is to be said of it."""

    home: Household
    model: FakeModel
    report: Report
    owed: list[tuple[Person, str]] = field(default_factory=list)
    """Words to each of which exactly one reply has to stand in the end."""
    unsaid: list[str] = field(default_factory=list)
    """Words that no reply may hold: their turns were stopped, or overtaken."""
    besides: int = 0
    """Replies that are to stand and have no word that is owed."""

    @property
    def people(self) -> list[Person]:
        return self.home.people

    def ask(self, person: Person, word: str, text: str = "Please answer {word}") -> bool:
        """Say it, and wait for the reply with this word."""
        self.owed.append((person, word))
        person.say(text.replace("{word}", word))
        return self.report.expect(person.hears(word, REPLY_SECONDS), f"{word}: no reply")

    def begin(self, person: Person, word: str) -> bool:
        """Say what keeps the model in the middle of its answer, and wait until it is there."""
        person.say(f"Please model-gate {word}")
        has_begun = until(lambda: self.model.has_begun(word), REPLY_SECONDS)
        return self.report.expect(has_begun, f"{word}: the model was not asked")

    def finish(self, person: Person, word: str) -> bool:
        """Let the model finish; the reply comes."""
        self.owed.append((person, word))
        self.model.release(word)
        return self.report.expect(person.hears(word, REPLY_SECONDS), f"{word}: no reply")
