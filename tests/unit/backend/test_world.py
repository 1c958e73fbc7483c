"""The pure world against a model of contract 4.3 to 4.5 that is too simple to be wrong."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from mycel_runtime.backend.quirks import Quirks, Rules
from mycel_runtime.backend.storage import MemoryStorage
from mycel_runtime.backend.world import accounts, chats, inbox, messages
from mycel_runtime.backend.world.entities import Chat, Member, Message, User
from mycel_runtime.backend.world.refusal import Refused
from mycel_runtime.backend.world.state import World

PEOPLE = ("ada", "bot", "cat")
CHAT = "chat"


RULES = Rules(quirks=Quirks(hide_fails=False))


def populated():
    world = World(RULES)
    for name in PEOPLE:
        world.put(User(id=name, name=name.title(), type="human" if name == "ada" else "external"))
    world.put(
        Chat(id=CHAT, type="group", title="Team", created_by_user_id="ada", created_at=0.0, updated_at=0.0)
    )
    for name in PEOPLE:
        world.put(Member(chat_id=CHAT, user_id=name))
    return world


class Talk(RuleBasedStateMachine):
    """Anybody says, reads and hides anything in any order; cursors and unread are as the contract defines."""

    def __init__(self):
        super().__init__()
        self.world = populated()
        self.cursors = dict.fromkeys(PEOPLE, 0)
        self.said = []
        self.hidden = {name: set() for name in PEOPLE}
        self.clock = itertools.count(1)

    def unread(self, name):
        return [
            seq
            for seq, sender, addressed in self.said
            if seq > self.cursors[name]
            and sender != name
            and (not addressed or name in addressed)
            and seq not in self.hidden[name]
        ]

    @rule(name=st.sampled_from(PEOPLE), to=st.sets(st.sampled_from(PEOPLE)), enforce=st.booleans())
    def say(self, name, to, enforce):
        to -= {name}
        speech = messages.Speech(
            content="x",
            delivery_scope="addressed" if to else "broadcast",
            addressed_to_user_ids=sorted(to),
            enforce_caught_up=enforce,
        )
        user = self.world.users[name]
        if enforce and self.unread(name):
            with pytest.raises(Refused) as refused:
                messages.check(self.world, user, CHAT, speech)
            assert refused.value.status == 409
            return
        addressed = messages.check(self.world, user, CHAT, speech)
        now = next(self.clock)
        message = messages.write(
            self.world, user, CHAT, speech, message_id=str(now), now=float(now), addressed=addressed
        )
        self.said.append((message.seq, name, to))
        if enforce:
            self.cursors[name] = max(self.cursors[name], message.seq)

    @rule(name=st.sampled_from(PEOPLE))
    def read(self, name):
        expected = self.unread(name)
        shown = messages.read(self.world, self.world.users[name], CHAT)
        assert [message["seq"] for message in shown] == expected
        if expected:
            self.cursors[name] = expected[-1]

    @rule(name=st.sampled_from(PEOPLE), seq=st.integers(0, 30))
    def mark_read(self, name, seq):
        messages.mark_read(self.world, self.world.users[name], CHAT, seq)
        self.cursors[name] = max(self.cursors[name], seq)

    @rule(name=st.sampled_from(PEOPLE), data=st.data())
    def hide(self, name, data):
        if self.said:
            seq = data.draw(st.sampled_from([seq for seq, _, _ in self.said]))
            message = next(row for row in self.world.rooms[CHAT].messages if row.seq == seq)
            messages.hide(self.world, self.world.users[name], CHAT, message.id)
            self.hidden[name].add(seq)

    @rule()
    def restart(self):
        """What storage kept is the whole world, derived counts included."""
        world = World(RULES)
        room = self.world.rooms[CHAT]
        world.restore([*self.world.users.values(), room.chat, *room.members.values(), *room.messages])
        self.world = world

    @invariant()
    def seqs_are_unique_and_without_gaps(self):
        seqs = [message.seq for message in self.world.rooms[CHAT].messages]
        assert seqs == list(range(1, len(self.said) + 1))

    @invariant()
    def cursors_are_the_model_s(self):
        assert {name: self.world.rooms[CHAT].members[name].cursor for name in PEOPLE} == self.cursors

    @invariant()
    def counts_lists_and_announcements_agree(self):
        for name in PEOPLE:
            expected = self.unread(name)
            listed = messages.list_unread(self.world, self.world.users[name], CHAT)
            assert [message["seq"] for message in listed] == expected
            (summary,) = chats.list_summaries(self.world, self.world.users[name])
            assert summary["unread_count"] == len(expected)
            announced = inbox.project(self.world, name)
            assert [item["unread_count"] for item in announced] == ([len(expected)] if expected else [])


TestTalk = Talk.TestCase
TestTalk.settings = settings(max_examples=60, stateful_step_count=30)


def test_a_late_message_takes_its_place_and_counts_for_whose_cursor_is_below():
    world = populated()
    room = world.rooms[CHAT]
    late = messages.draw_seq(world, CHAT)
    speech = messages.Speech(content="x")
    messages.write(world, world.users["ada"], CHAT, speech, message_id="second", now=1.0)
    messages.mark_read(world, world.users["bot"], CHAT, 2)
    messages.write(world, world.users["ada"], CHAT, speech, message_id="first", now=2.0, seq=late)
    assert [message.id for message in room.messages] == ["first", "second"]
    assert {name: room.members[name].unread for name in PEOPLE} == {"ada": 0, "bot": 0, "cat": 2}


def test_what_is_refused_has_changed_nothing():
    world = populated()
    world.take_changes()
    attempts = [
        lambda: chats.create(world, world.users["ada"], ["nobody"], None, "auto", chat_id="c", now=0.0),
        lambda: chats.add_member(world, world.users["bot"], CHAT, "ada"),
        lambda: accounts.create_external(world, world.users["ada"], "bot", "Bot", now=0.0),
        lambda: messages.check(world, world.users["ada"], "nowhere", messages.Speech(content="x")),
    ]
    for attempt in attempts:
        with pytest.raises(Refused):
            attempt()
    assert world.take_changes() == {}


@pytest.mark.parametrize(
    ("types", "mentions", "woken"),
    [
        (("human", "external"), [], {"bot", "cat"}),
        (("human", "external"), ["bot"], {"bot"}),
        (("human", "external"), ["ada"], set()),
        (("human", "external"), ["nobody"], set()),
    ],
)
def test_a_mention_of_anyone_silences_all_others(types, mentions, woken):
    """Contract 4.7, MEASURED."""
    world = populated()
    speech = messages.Speech(content="x", mentioned_ids=mentions)
    messages.write(world, world.users["ada"], CHAT, speech, message_id="m", now=1.0)
    assert set(world.take_wakes()) == woken


def test_a_memory_storage_gives_the_same_world_each_time():
    storage = MemoryStorage(World().rules)
    assert storage.load() is storage.load()


def test_secrets_and_words_are_not_in_a_repr():
    user = User(id="ada", name="Ada", type="human", password="salt:hash")
    message = Message(id="m", chat_id="c", seq=1, sender_id="ada", content="hush", created_at=0.0)
    assert "hash" not in repr(user)
    assert "hush" not in repr(message)
