"""The humans who write to a fleet's agents, and what must stand in their chats in the end."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field

from mycel_runtime.sdk import Client

KINDS = ("now", "now", "now", "late", "crash", "silent", "timer")
"""What a message asks for, by its share."""


@dataclass
class Verdict:
    """What is not as it must be, in words, and what there was."""

    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    inverted: list[str] = field(default_factory=list)
    fired_twice: list[str] = field(default_factory=list)
    parked: list[str] = field(default_factory=list)
    counts: Counter = field(default_factory=Counter)

    @property
    def wrongs(self):
        """All of them; a parked one is told, and not wrong."""
        return [*self.lost, *self.doubled, *self.inverted, *self.fired_twice]


class People:
    """
    An owner for each agent, and chats of theirs.

    Args:
        backend: `tests.chaos.stage.Backend`, started.
        identities: How many agents.
        chats: How many chats in all.
        dice: For who speaks next, and what.
    """

    def __init__(self, backend, *, identities, chats, dice):
        self._backend = backend
        self._dice = dice
        self._identities = identities
        self._chats_wanted = chats
        self.tokens = {}
        self.said = defaultdict(list)
        self._chats = []
        self._agents = {}
        self._number = 0

    def settle_in(self):
        """Make them, by ordinary calls of the API."""
        for number in range(self._identities):
            name = f"agent-{number}"
            with Client(base_url=self._backend.base_url) as nobody:
                owner = nobody.auth.create_guest_owner(f"owner-{number}")
            with Client(base_url=self._backend.base_url, auth_token=owner["token"]) as client:
                agent = client.auth.create_external_user(name, name)
                self.tokens[name] = agent["token"]
                for place in range(number, self._chats_wanted, self._identities):
                    chat = client.chats.create([name], title=f"chat {place}", kind="group")
                    self._chats.append((chat["id"], owner["user"]["id"]))
                    self._agents[chat["id"]] = agent["user"]["id"]

    def say(self):
        """The next message, in any chat."""
        chat_id, owner_id = self._dice.choice(self._chats)
        self.say_in(chat_id, owner_id, self._dice.choice(KINDS))

    def say_everywhere(self, kind):
        """A message in each chat."""
        for chat_id, owner_id in self._chats:
            self.say_in(chat_id, owner_id, kind)

    def say_in(self, chat_id, owner_id, kind):
        """A message of this kind."""
        self._number += 1
        self._backend.ask_until("say", user_id=owner_id, chat_id=chat_id, content=f"{self._number} {kind}")
        self.said[chat_id].append((self._number, kind))

    @property
    def messages(self):
        """How many were said."""
        return self._number

    def is_answered(self, parked=frozenset()):
        """Whether nothing is missing, but in chats of parked sends."""
        return all(
            chat_id in parked or len(self._answers(chat_id)) >= self._expected(said)
            for chat_id, said in self.said.items()
        )

    @staticmethod
    def _expected(said):
        return sum((kind != "silent") + (kind == "timer") for _, kind in said)

    def _answers(self, chat_id):
        messages = self._backend.ask_until("messages", chat_id=chat_id, limit=10**9)
        return [each["content"] for each in messages if each["sender_id"] == self._agents[chat_id]]

    def judge(self, shown, parked):
        """
        Of everything that was said.

        Args:
            shown: By chat: the seqs that handlers were shown, in that order.
            parked: By chat: sends of which nobody can tell whether they were stored.
        """
        verdict = Verdict()
        for chat_id, said in self.said.items():
            answers = Counter(self._answers(chat_id))
            self._judge_answers(verdict, chat_id, said, answers, parked[chat_id])
            replied = [int(text.split()[1]) for text in self._answers(chat_id) if text.startswith("re ")]
            if replied != sorted(replied):
                verdict.inverted.append(f"chat {chat_id} was answered out of order: {replied}")
            first = list(dict.fromkeys(shown[chat_id]))
            if first != sorted(first):
                verdict.inverted.append(f"chat {chat_id} was shown out of order: {first}")
        verdict.counts["said"] = self._number
        return verdict

    def _judge_answers(self, verdict, chat_id, said, answers, parked):
        missing = []
        for number, kind in said:
            wanted = [] if kind == "silent" else [f"re {number}"]
            wanted += [f"timer {number}"] if kind == "timer" else []
            missing += [f"chat {chat_id}: {text}" for text in wanted if not answers[text]]
            verdict.counts["answered"] += bool(answers[f"re {number}"])
            verdict.counts["timers fired"] += answers[f"timer {number}"]
            verdict.doubled += [f"chat {chat_id}: {number}"] * max(0, answers[f"re {number}"] - 1)
            verdict.fired_twice += [f"chat {chat_id}: {number}"] * max(0, answers[f"timer {number}"] - 1)
        verdict.parked += missing[:parked]
        verdict.lost += missing[parked:]
