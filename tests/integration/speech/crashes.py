"""
Any order of messages, lost requests, failing histories and deaths: one reply each, none twice, none out of turn.

The real runtime without its stream, on a real journal and the real application; the model knows who was shown what.
`python -m tests.integration.speech.crashes TIMES` runs so many times sixty examples, the suite thirty.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections import Counter, defaultdict

import hypothesis
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from pydantic import SecretStr

from mycel_runtime.daemon.assembly import AgentAssembly
from mycel_runtime.journal.changes import EndOutcome
from mycel_runtime.journal.ids import HandlerId, Lane
from mycel_runtime.journal.intent import IntentState
from mycel_runtime.journal.sqlite.journal import SqliteJournal
from mycel_runtime.journal.work import ChatWork
from mycel_runtime.observe.observer import Silent
from mycel_runtime.plugin.plugin import Plugin
from mycel_runtime.plugin.registry import BoundHandler
from mycel_runtime.sdk import AsyncClient
from mycel_runtime.sdk.carrier import HttpCarrier
from mycel_runtime.settings import Settings
from mycel_runtime.speech.caught_up import content_hash
from mycel_runtime.testing.journal_folder import journal_folder
from tests.integration.speech.counterpart import CHAT, ME, Counterpart
from tests.integration.speech.fate import Fate, Network, Step
from tests.integration.speech.mortal import Death, Heart, Mortal
from tests.integration.speech.races import SERVERS

PARTS = {"p.one": 2, "p.two": 1}
LOSSES = st.lists(st.sampled_from([*Fate, *[Fate.SLIPPED] * 3, *[Fate.BLINDED] * 2]), min_size=2, max_size=5)
CHATTER = st.lists(
    st.sampled_from([*Fate, *[Fate.OVERTAKEN] * 6, *[Fate.FOLLOWED] * 6, *[Fate.ANSWERED] * 9]), max_size=6
)
FATES = st.fixed_dictionaries(
    {Step.SEND: LOSSES}, optional={Step.READ: CHATTER, Step.LIST: CHATTER, Step.OTHER: CHATTER}
)
DEATHS = st.none() | st.integers(0, 30)
SETTINGS = Settings(
    file={
        "agent": {"name": "a", "base_url": "http://server"},
        # Nothing is on its way for longer than the answer is waited for, so that absence is final at once.
        "dispatch": {"settle_grace": 0.0, "park_after": 10.0, "hole_grace": 1.0},
    },
    overrides={},
)
PATIENCE = 60

tally = Counter()
"""What has happened, to see that it does."""


class CrashMachine(RuleBasedStateMachine):
    """A chat, a human who speaks, and a runtime with two handlers that dies and comes back."""

    def __init__(self):
        super().__init__()
        self.loop = asyncio.Runner()
        # In memory: processes die here, power does not fail, and each of some thousand syncs would wait for a disk.
        self.scope = contextlib.ExitStack()
        self.folder = self.scope.enter_context(journal_folder())
        self.now = 0.0
        self.handled = defaultdict(set)  # handler -> numbers that it was shown in turns that ended
        self.shown = defaultdict(set)  # and in the present one
        self.wrongs = []  # what a handler's run would swallow
        self.believed = Counter()  # hash -> sends of which the operator said that they are stored

    @initialize(kind=st.sampled_from(sorted(SERVERS)), is_terse=st.booleans(), is_careless=st.booleans())
    def open(self, kind, is_terse, is_careless):
        self.is_terse = is_terse
        self.tries = 3 if is_careless else 1
        self.server = Counterpart(SERVERS[kind])
        self.loop.run(self.server.open())
        self.loop.run(self.live())

    # The runtime

    async def live(self, death=None):
        """A new process, on what the last one left."""
        self.shown = defaultdict(set, {name: set(numbers) for name, numbers in self.handled.items()})
        self.heart = Heart(death)
        self.journal = SqliteJournal(self.folder, clock=lambda: self.now)
        self.journal.open()
        file = self.folder / "journal.sqlite3"
        self.mortal = Mortal(self.journal, self.heart, file, self.committed, self.wrongs)
        self.network = Network(self.server, beat=self.heart.beat, answered=self.judge)
        self.sdk = AsyncClient(base_url="http://server", auth_token=self.server.token, retries=0)
        self.sdk._carrier = HttpCarrier(self.sdk._requests, self.network, deadline_seconds=None)
        self.parts = await AgentAssembly(
            settings=SETTINGS,
            me=ME,
            base_url="http://server",
            token=SecretStr(self.server.token),
            journal=self.mortal,
            sdk=self.sdk,
            handlers=[BoundHandler(handler=each, settings=None) for each in self.plugin().handlers],
            observer=Silent(),
        ).parts()
        self.parts.dispatcher.attempts.messages.draw = self.parts.dispatcher.ends.draw = lambda: 0.5

    def plugin(self):
        plugin = Plugin("p")

        @plugin.on_message
        async def one(ctx):
            await self.answer("p.one", ctx)

        @plugin.on_message
        async def two(ctx):
            await self.answer("p.two", ctx)

        return plugin

    async def answer(self, name, ctx):
        self.shown[name].update(message.seq for message in ctx.messages)
        for message in ctx.messages:
            for part in range(PARTS[name]):
                self.speaker = name
                await self.reply(ctx, self.words(name, part, message.content))

    async def reply(self, ctx, words):
        """Somebody careless swallows whatever is raised, and tries again."""
        for _ in range(self.tries - 1):
            with contextlib.suppress(BaseException):
                return await ctx.reply(words)
        return await ctx.reply(words)

    def words(self, name, part, text):
        """Somebody terse says the same thing every time, whichever handler."""
        return "ok" if self.is_terse else f"{name} {part} {text}"

    async def die(self):
        self.mortal.end()
        await self.journal.close()
        await self.parts.dispatcher.attempts.close()

    def committed(self, verb, args, result):
        """What the model learns of what cannot be undone any more."""
        if (verb == "postpone" and result) or (verb == "finish" and result.outcome is EndOutcome.DONE):
            name = args[0].handler
            if verb == "finish":
                self.handled[name] |= self.shown[name]
            self.shown[name] = set(self.handled[name])

    async def deliver_due(self):
        while claimed := await self.mortal.claim(ME, limit=1):
            self.parts.dispatcher.running += 1
            await self.parts.dispatcher._deliver(claimed[0])

    async def hear(self, seq):
        hints = [
            ChatWork(handler=HandlerId(name), lane=Lane(f"chat:{CHAT}"), chat_id=CHAT, wanted_seq=seq)
            for name in PARTS
        ]
        await self.journal.hint(ME, tuple(hints))

    # What happens

    @rule(announced=st.lists(st.booleans(), min_size=1, max_size=3))
    def speak(self, announced):
        for is_announced in announced:
            seq = self.loop.run(self.server.speak())
            if is_announced:
                self.loop.run(self.hear(seq))

    @rule(fates=FATES, death=DEATHS)
    def converse(self, fates, death):
        self.speak([True])
        self.deliver(100, fates, death, is_history_back=True)

    @rule(pause=st.sampled_from([0, 5, 100]), fates=FATES, death=DEATHS, is_history_back=st.booleans())
    def deliver(self, pause, fates, death, is_history_back):
        """What is due, over a network that does its worst, until the end or death."""
        self.now += pause
        self.network.is_history_down = self.network.is_history_down and not is_history_back
        self.network.fates = {step: list(each) for step, each in fates.items()}
        self.heart.left = death
        self.loop.run(self.live_until_death())
        self.heart.left = None
        self.network.fates = {}

    async def live_until_death(self):
        with contextlib.suppress(Death):
            await self.deliver_due()
        if self.heart.is_stopped:
            tally["deaths"] += 1
            await self.begin_again()

    @rule(death=st.integers(0, 3))
    def restart(self, death):
        """By a process that may die before it has done anything."""
        self.loop.run(self.begin_again(death))

    async def begin_again(self, death=None):
        is_down = self.network.is_history_down
        await self.die()
        try:
            await self.live(death)
        except Death:
            await self.die()
            await self.live()
        self.heart.left = None
        self.network.is_history_down = is_down

    @rule()
    def reconcile(self):
        """The server announces what it counts as unread, and nothing else."""
        if (seq := self.server.unread()) is not None:
            self.loop.run(self.hear(seq))

    @precondition(lambda self: not self.is_terse and self.parked())
    @rule()
    def operator(self):
        """
        Tells the truth about the oldest parked doubt, having looked into the chat.

        Not if all words are the same: whose they are is not to be seen there.
        """
        doubt = self.parked()[0]
        is_sent = doubt.content_hash in self.unaccounted()
        self.believed[doubt.content_hash] += is_sent
        tally["told by the operator"] += 1
        place = doubt.delivery_id, doubt.turn, doubt.ordinal
        assert self.loop.run(self.mortal.resolve(ME, *place, is_sent=is_sent))

    def parked(self):
        return [doubt for doubt in self.doubts() if doubt.state is IntentState.UNKNOWN]

    # What must be true

    def judge(self, newest):
        """
        Of each message that the server has stored just now: its handler had been shown what was before it.

        All but what was stored above `newest`, within the same request: that slipped in (Q28).
        """
        self.server.clear()
        for message in self.own():
            if message.seq > newest:
                tally["replies"] += 1
                tally["slips"] += message.seq > newest + 1
                seen = self.shown[self.speaker]
                foreign = {each.seq for each in self.server.messages if each.sender_id != ME}
                if missed := {seq for seq in foreign if seq <= newest} - seen:
                    self.wrongs.append(f"{message.seq} was said without having seen {missed}")

    def own(self):
        return [message for message in self.server.messages if message.sender_id == ME]

    def doubts(self):
        return self.loop.run(self.journal.unresolved(ME))

    def unaccounted(self):
        """Hashes of stored messages that the journal does not know to be its sends."""
        known = self.loop.run(self.journal.message_ids(ME, chat_id=CHAT, after_seq=0))
        hashes = Counter(content_hash(each.content) for each in self.own() if each.id not in known)
        return hashes - self.believed

    @invariant()
    def nothing_was_wrong_on_the_way(self):
        assert self.wrongs == []

    @invariant()
    def nothing_is_said_twice(self):
        said = Counter(message.content for message in self.own())
        assert said <= Counter(self.expected(*PARTS))

    @invariant()
    def every_unknown_outcome_is_listed(self):
        unaccounted = self.unaccounted()
        tally["moments with a stored reply in doubt"] += bool(unaccounted)
        assert unaccounted <= Counter(doubt.content_hash for doubt in self.doubts())

    def expected(self, *names):
        """Words of these handlers, in order."""
        return [
            self.words(name, part, text)
            for name in names
            for text in self.server.said
            for part in range(PARTS[name])
        ]

    def teardown(self):
        with self.scope, contextlib.closing(self.loop):
            try:
                if hasattr(self, "journal"):
                    self.loop.run(self.settle())
            finally:
                if hasattr(self, "journal"):
                    self.loop.run(self.die())

    async def settle(self):
        """In peace, everything is answered once and in order."""
        self.network.is_history_down = False
        for _ in range(PATIENCE):
            if (seq := self.server.unread()) is not None:
                await self.hear(seq)
            await self.deliver_due()
            if (await self.journal.statistics(ME)).due == 0:
                break
            self.now += PATIENCE
        assert self.wrongs == []
        assert await self.journal.unresolved(ME) == []
        said = [each.content for each in self.own()]
        assert sorted(said) == sorted(self.expected(*PARTS))
        for name in PARTS:
            assert [words for words in said if words.startswith(name)] == self.expected(name) or self.is_terse


# A few seconds.
SUITE = hypothesis.settings(max_examples=30, stateful_step_count=12, deadline=None)
CrashMachine.TestCase.settings = SUITE


def _main(times):
    began = time.monotonic()
    examples = times * 60
    run_state_machine_as_test(
        CrashMachine, settings=hypothesis.settings(SUITE, max_examples=examples, database=None)
    )
    steps = SUITE.stateful_step_count
    print(
        f"{examples} histories of up to {steps} steps, {time.monotonic() - began:.0f} s: none twice, none missing"
    )
    print(", ".join(f"{count} {what}" for what, count in tally.items()))


if __name__ == "__main__":
    _main(int(sys.argv[1]))
