"""A backend with accounts, and somebody who sets an agent up."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from mycel_runtime.backend.server import LocalBackend
from mycel_runtime.errors import ArgumentError
from mycel_runtime.setup.accounts import Accounts


@dataclass
class Somebody:
    """Answers by the question's key, each answer once; what he is told is kept."""

    answers: dict[str, list] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    @property
    def is_there(self):
        return True

    def ask(self, question):
        self.asked.append(question.key)
        left = self.answers.get(question.key)
        if not left:
            raise AssertionError(f"not expected to be asked: {question.text}")
        answer = left.pop(0)
        return answer() if callable(answer) else answer

    def tell(self, text):
        self.told.append(text)


class AbsentAuthor(Somebody):
    """A script's: nobody answers."""

    @property
    def is_there(self):
        return False

    def ask(self, question):
        raise ArgumentError(f"{question.text}: nobody to ask", fix=f"Give {question.option}.")


@pytest.fixture
def backend():
    with LocalBackend() as running:
        yield running


@pytest.fixture
def accounts(backend):
    return Accounts(base_url=backend.base_url)


@pytest.fixture(autouse=True)
def homes(tmp_path, monkeypatch):
    """Nothing of whoever runs the tests is touched."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    return tmp_path
