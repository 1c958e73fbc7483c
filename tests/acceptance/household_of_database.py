"""An agent that keeps its journal in a database, and whoever talks to it."""

from __future__ import annotations

from tests.acceptance.conftest import DEADLINE, until, write_config

LONG_DEADLINE = 180.0


def write_database_config(folder, household, url):
    """Of an agent whose password, which the server does not ask for, is in a file."""
    folder.mkdir()
    password = folder / "database.password"
    password.write_text("not-for-anybody\n")
    password.chmod(0o600)
    extra = f'[engine]\nurl = "{url}"\npassword_file = "database.password"\n[dispatch]\nsettle_grace = 0.2\n'
    return write_config(folder, household, extra=extra)


class Conversation:
    """
    Of an owner with an agent, in one chat.

    Args:
        owner: A client, and the chat's id.
        household: Theirs.
    """

    def __init__(self, owner, household):
        self._client, self._chat_id = owner
        self._household = household

    def say(self, text):
        self._client.messages.send(self._chat_id, text, enforce_caught_up=False)

    def ask(self, number):
        self.say(f"message {number}")

    def answers(self):
        messages = self._client.messages.list(self._chat_id, limit=200)
        return [each["content"] for each in messages if each["sender_id"] == self._household.agent_id]

    def wait_answers(self, messages):
        """Until so many are answered, of an agent that repeats them: each once and in order."""
        self.wait_said([f"echo: message {number}" for number in range(messages)], LONG_DEADLINE)

    def wait_said(self, expected, seconds=DEADLINE):
        """Until the agent has said so much: this, and nothing else."""
        until(lambda: len(self.answers()) >= len(expected), seconds)
        assert self.answers() == expected
