"""Whether anything that the runtime has told in a test is a secret."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from tests.discretion.heard import HEARD
from tests.discretion.said import is_database, said_in
from tests.discretion.search import telling, texts_in, tokens_in

if TYPE_CHECKING:
    from pathlib import Path

    from tests.discretion.heard import Heard

SHOWS_WORDS: Final = {
    "chat": "a conversation with the agent, as its owner",
    "send": "the answer that it waits for",
    "read": "a chat's messages",
    "replay": "what changed code says, to its author",
    "init": "the same, as the proof that the new agent answers",
    "run": "the first words, where the Mycel lives inside the process; the log is on standard error",
}
"""Commands whose standard output holds what people say, because it was asked for; a token is none of it."""

KEEPS_TOKENS: Final = {
    "credentials/*": "as systemd hands them over, in the folder that `LoadCredential=` fills",
    "embedded-identity.json": "of the agent and its owner, where the Mycel lives inside the process",
    "owners/*": "of whoever has signed in by `init`, `login` or `register`, now and formerly",
    "tokens/*": "of the agents of a folder, where its unit looks",
}
"""Files whose purpose is to keep a token; their owner alone reads them."""

GIVEN: Final = frozenset({".token", ".toml"})
"""Of files that a test writes for the runtime; they may have a token."""

JOURNAL: Final = "journal.sqlite3"


@dataclass
class Output:
    """What is searched for tokens, and for texts unless those belong there."""

    label: str
    content: bytes = field(repr=False)
    shows_words: bool = False

    def secrets(self, texts):
        """What should not be there, a line each."""
        found = tokens_in(self.content) + ([] if self.shows_words else texts_in(self.content, texts))
        return [f"{self.label}: {each!r}" for each in found]


@dataclass
class Watch:
    """
    Over one test after the other.

    Attributes:
        counts: How much was searched: `outputs`, and `bytes` of them, of `tests`, for so many `texts` and all tokens.
    """

    counts: Counter[str] = field(default_factory=Counter)
    _lasting: set[Path] = field(default_factory=set)
    _going_on: list[Heard] = field(default_factory=list)

    def look(self, folders):
        """
        What should not be there, a line each: in all that was heard since the last look, and in these folders.

        Nothing of the runtime's is in these if it was not started since then: whoever goes on from a test before has
        folders of his own.
        """
        is_started = any(each not in self._going_on for each in HEARD)
        outputs = _taken()
        self._going_on = list(HEARD)
        if not outputs:
            return []
        if not is_started:
            folders = []
        if HEARD:
            self._lasting |= set(folders)
        files = [path for folder in folders for path in _files(folder)]
        backends = _backends(
            [*files, *(path for folder in self._lasting - set(folders) for path in _files(folder))]
        )
        outputs += [_output(path) for path in files if not _is_beside(path, backends)]
        texts = telling(set().union(*backends.values()))
        size = sum(len(each.content) for each in outputs)
        self.counts.update(tests=1, outputs=len(outputs), bytes=size, texts=len(texts))
        return [found for output in outputs for found in output.secrets(texts)]


def _taken():
    """What was heard; only what goes on is listened to any longer."""
    taken = [(each, each.take()) for each in HEARD]
    HEARD[:] = [each for each in HEARD if each.is_open]
    return [
        Output(each.label, content, each.command.partition(" ")[0] in SHOWS_WORDS)
        for each, content in taken
        if content
    ]


def _backends(files):
    """What was said in each of these files that is a backend's."""
    said = {path: said_in(path) for path in files if is_database(path)}
    return {path: texts for path, texts in said.items() if texts is not None}


def _output(path):
    """A token belongs in none; what people say may be in a journal, and in what agents and tests write."""
    is_ours = (path.parent / JOURNAL).exists() or path.name.endswith(".manifest.json")
    return Output(str(path), path.read_bytes(), shows_words=not is_ours or ".sqlite3" in path.name)


def _is_beside(path, databases):
    """Whether this is one of these, or what SQLite keeps beside one."""
    return any(path.name.startswith(each.name) and path.parent == each.parent for each in databases)


def _files(folder):
    """What the runtime may have written there."""
    return [] if folder.is_symlink() else [path for path in folder.rglob("*") if _is_output(path)]


def _is_output(path):
    return (
        path.is_file()
        and not path.is_symlink()
        and path.suffix not in GIVEN
        and not any(map(path.match, KEEPS_TOKENS))
        and not any((each / "pyvenv.cfg").exists() for each in path.parents)
    )
