"""An owner who never meets what stands in between, and the agent to whom he talks."""

from __future__ import annotations

import time

from mycel_runtime.sdk import Client

CHATS = 3


class Household:
    """An owner who talks to the backend directly, an agent of his, and their chats."""

    def __init__(self, base_url):
        with Client(base_url=base_url) as nobody:
            token = nobody.auth.create_guest_owner("owner")["token"]
        self._owner = Client(base_url=base_url, auth_token=token)
        agent = self._owner.auth.create_external_user("agent", "Agent")
        self.agent_id, self.agent_token = agent["user"]["id"], agent["token"]
        self._owner.auth.create_external_user("witness", "Witness")
        direct = self._owner.chats.ensure_direct("agent")["id"]
        groups = [
            self._owner.chats.create(["agent", "witness"], kind="group", title=f"group {number}")["id"]
            for number in range(CHATS - 1)
        ]
        self._chats = [direct, *groups]
        self._said = {chat_id: [] for chat_id in self._chats}

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        self._owner.close()

    def say(self, number):
        """The next message, in the next chat."""
        chat_id = self._chats[number % CHATS]
        self._owner.messages.send(chat_id, f"message {number}", enforce_caught_up=False)
        self._said[chat_id].append(f"echo: message {number}")

    def questions(self):
        """The answers that each chat must have, in order."""
        return list(self._said.values())

    def answers(self):
        """What the agent has said in each chat, in order."""
        return [
            [
                message["content"]
                for message in self._owner.messages.list_all(chat_id)
                if message["sender_id"] == self.agent_id
            ]
            for chat_id in self._chats
        ]

    def wait_answers(self, seconds):
        """When as many answers stand there as there are questions, a monotonic time; None: not in so many seconds."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if sum(map(len, self.answers())) >= sum(map(len, self._said.values())):
                return time.monotonic()
            time.sleep(0.2)
        return None
