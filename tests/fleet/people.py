"""The humans who write to a fleet's agents, and what must stand in their chats in the end."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field

from tests.chaos.household import Household
from tests.chaos.noting import first_showings
from tests.fleet.kinds import APART, HERE, ONCE, plugin_of

APART_AGENTS = 2
"""So many agents have a plugin in a process of its own, which costs each host one more."""


@dataclass
class Verdict:
    """What is not as it must be, in words, and what there was."""

    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    inverted: list[str] = field(default_factory=list)
    fired_twice: list[str] = field(default_factory=list)
    never_failed: list[str] = field(default_factory=list)
    parked: list[str] = field(default_factory=list)
    counts: Counter = field(default_factory=Counter)

    @property
    def wrongs(self):
        """All of them; a parked one is told, and not wrong."""
        return [*self.lost, *self.doubled, *self.inverted, *self.fired_twice, *self.never_failed]


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
        self._decks = defaultdict(list)
        self._number = 0

    @property
    def apart(self):
        """Names of the agents of which a plugin has a process of its own."""
        return set(list(self.tokens)[:APART_AGENTS])

    def settle_in(self):
        """Make them, by ordinary calls of the API."""
        for number in range(self._identities):
            chats = len(range(number, self._chats_wanted, self._identities))
            household = Household.settle(self._backend.base_url, f"agent-{number}", chats=chats)
            self.tokens[household.agent_id] = household.agent_token
            self._chats += [(chat_id, household.owner_id) for chat_id in household.chats]
            self._agents |= dict.fromkeys(household.chats, household.agent_id)

    def say(self):
        """The next message, in any chat; each kind comes before any comes again."""
        chat_id, owner_id = self._dice.choice(self._chats)
        kinds = (*HERE, *APART) if self._agents[chat_id] in self.apart else HERE
        if not (deck := self._decks[kinds]):
            deck += self._dice.sample(kinds, len(kinds))
        self.say_in(chat_id, owner_id, deck.pop())

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

    def judge(self, shown, parked, failed):
        """
        Of everything that was said.

        Args:
            shown: By plugin and chat: the seqs that handlers were shown, in that order.
            parked: By chat: sends of which nobody can tell whether they were stored.
            failed: Numbers of the messages of which a run has failed as they say.
        """
        verdict = Verdict()
        for chat_id, said in self.said.items():
            answers = self._answers(chat_id)
            self._judge_answers(verdict, chat_id, said, Counter(answers), parked[chat_id])
            to_fail = {number: kind for number, kind in said if kind in ONCE}
            verdict.never_failed += [f"{number} {to_fail[number]}" for number in set(to_fail) - failed]
            replied = [int(text.split()[1]) for text in answers if text.startswith("re ")]
            for plugin in ("fleet", "apart"):
                own = {number for number, kind in said if plugin_of(kind) == plugin}
                self._judge_order(
                    verdict,
                    f"chat {chat_id} by {plugin}",
                    [number for number in replied if number in own],
                    first_showings(shown[plugin, chat_id]),
                )
        verdict.counts["said"] = self._number
        return verdict

    @staticmethod
    def _judge_order(verdict, whose, replied, shown):
        if replied != sorted(replied):
            verdict.inverted.append(f"{whose} was answered out of order: {replied}")
        if shown != sorted(shown):
            verdict.inverted.append(f"{whose} was shown out of order: {shown}")

    def _judge_answers(self, verdict, chat_id, said, answers, parked):
        missing = []
        for number, kind in said:
            verdict.counts[f"said: {kind}"] += 1
            wanted = [] if kind == "silent" else [f"re {number}"]
            wanted += [f"timer {number}"] if kind == "timer" else []
            missing += [f"chat {chat_id}: {text}" for text in wanted if not answers[text]]
            verdict.counts["answered"] += bool(answers[f"re {number}"])
            verdict.counts["timers fired"] += answers[f"timer {number}"]
            verdict.doubled += [f"chat {chat_id}: {number}"] * max(0, answers[f"re {number}"] - 1)
            verdict.fired_twice += [f"chat {chat_id}: {number}"] * max(0, answers[f"timer {number}"] - 1)
        verdict.parked += missing[:parked]
        verdict.lost += missing[parked:]
