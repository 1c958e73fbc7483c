"""
The server's quirks, one switch each, on by default.

A switch that is off makes the backend kinder than the real one; a test that turns one off says so.

Source: contract section 6 (what each does and where it was seen), section 8 (which must be reproduced), and
section 10, whose rows are numbered 10.1 to 10.15.
"""

from __future__ import annotations

from dataclasses import field, fields
from typing import Any, Literal, TypeAlias

from mycel_runtime.lazy_dataclass import dataclass

Generation: TypeAlias = Literal["a", "b1", "b2", "b"]
"""
The last public server, the one of SDK 0.1.45, the one of 0.1.83, and what both of these SDKs can use: as b2, but a
call that only b1 takes is served too.
"""


def _quirk(number: str, on: str, off: str) -> Any:
    """A switch: its number in the contract, what happens while it is on, and what if it is off."""
    return field(default=True, metadata={"number": number, "on": on, "off": off})


@dataclass(frozen=True, slots=True, kw_only=True)
class Quirks:
    """What this server does that a kinder one would not; `table` says it in words."""

    numbers_restart: bool = _quirk(
        "Q1",
        "A restart numbers frames from 1 again, with an empty ring.",
        "`restart` keeps numbers and ring.",
    )
    short_ring: bool = _quirk("Q3", "The ring holds 256 frames.", "It holds all of them.")
    overflow_only: bool = _quirk(
        "Q4", "An overflow is sent instead of the replay.", "The frames of the ring follow it."
    )
    resume_only_replays: bool = _quirk(
        "Q5",
        "A resume does not look into the queue.",
        "It is followed by a drain, as if there had been a wake.",
    )
    wake_evaporates: bool = _quirk("Q6", "A wake without a handler is gone.", "The next handler gets it.")
    announces_all: bool = _quirk(
        "Q7", "Every wake announces every unread chat.", "Only chats with a token in the queue are announced."
    )
    double_wake: bool = _quirk("Q8", "Every wake arrives twice.", "It arrives once.")
    gaps: bool = _quirk(
        "Q9",
        "What an HTTP drain numbered is not sent on the socket.",
        "The socket sends it at its next wake.",
    )
    one_handler: bool = _quirk(
        "Q10", "The newest subscriber of an inbox silently takes all wakes.", "All of them are woken."
    )
    cleanup_deafens: bool = _quirk(
        "Q11", "The end of a connection unregisters whoever is registered.", "It unregisters itself."
    )
    wait_deafens: bool = _quirk(
        "Q12", "`wait` takes the inbox from the subscriber and unregisters it.", "It waits beside it."
    )
    zombies_eat: bool = _quirk(
        "Q13", "A closed connection is noticed by the wake that it eats.", "It is noticed at once."
    )
    wake_beats_resume: bool = _quirk(
        "Q14",
        "A wake before the first message leaves that unread; one in the same tick is lost.",
        "Both are heeded.",
    )
    bad_resume_kills: bool = _quirk(
        "Q15", "A bad first message cuts the connection without a close frame.", "It is ignored."
    )
    unread_messages_kill: bool = _quirk(
        "Q16", "From the 33rd message that a client sends, its pongs are not read.", "They are."
    )
    handshake_500: bool = _quirk("Q18", "A bad token refuses the handshake with 500.", "With 403.")
    poison_chat: bool = _quirk(
        "Q20", "A chat that cannot be shown fails the whole list and the whole drain.", "It is left out."
    )
    failed_after_commit: bool = _quirk(
        "Q21", "What fails after the change was stored is told as a 500.", "It is told as done."
    )
    no_idempotency_key: bool = _quirk(
        "Q22",
        "A repeated send is a second message.",
        "A header `Idempotency-Key` makes it the first one again.",
    )
    drain_destroys: bool = _quirk(
        "Q23", "A drain empties the queue before it answers.", "HTTP drains leave the queue as it is."
    )
    queue_lost_first: bool = _quirk(
        "Q25", "The queue is empty even if the drain fails.", "It keeps what was not told."
    )
    read_destroys: bool = _quirk("Q26", "`messages/read` moves the cursor.", "It does not.")
    number_then_insert: bool = _quirk(
        "Q27",
        "A held message has its seq already; later ones show before it.",
        "It gets the seq when it shows.",
    )
    check_then_write: bool = _quirk(
        "Q28", "Others may speak between the caught-up check and the write.", "Nobody may."
    )
    own_speech_blocks: bool = _quirk(
        "Q29", "Generation A: one's own message blocks the next caught-up send.", "Only foreign ones do."
    )
    bad_before_500: bool = _quirk("Q31", "A `before` that is no number is a 500.", "It is a 422.")
    mention_silences: bool = _quirk("Q32", "A mention wakes nobody but the mentioned.", "It silences nobody.")
    mute_never_ends: bool = _quirk("Q33", "`mute_until` is stored and heeded by nobody.", "It ends the mute.")
    tells_the_chat: bool = _quirk(
        "Q34", "A notification shows the chat's newest message, whoever said it.", "The newest unread one."
    )
    humans_sleep: bool = _quirk("Q35", "Humans are never woken.", "They are.")
    silent_joins: bool = _quirk("Q36", "Nobody is told that he was added to a chat.", "His inbox is woken.")
    past_is_unread: bool = _quirk("Q37", "The whole past is unread for a new member.", "Nothing of it is.")
    cursor_unbounded: bool = _quirk(
        "Q38", "`up_to_seq` may lie beyond the newest message.", "The newest is the bound."
    )
    requests_to_nobody: bool = _quirk(
        "Q39", "A relationship request to nobody is stored, then fails with 500.", "It is a 400."
    )
    batch_cut: bool = _quirk("Q45", "The socket sends at most 256 items of one drain.", "It sends all.")
    storage_order: bool = _quirk(
        "Q46", "A drain's chats come in storage order.", "The one with the latest message comes last."
    )
    fingerprints_repeat: bool = _quirk(
        "Q47", "The same state has the same fingerprint.", "Every frame has its own."
    )
    deletes_half: bool = _quirk(
        "10.1",
        "Deleting a chat with a join request on record is a 500: members and messages are gone, the chat is not.",
        "All of it is gone.",
    )
    retract_fails: bool = _quirk(
        "10.7", "Taking back what one said is a 500, and changes nothing.", "A placeholder replaces it."
    )
    hide_fails: bool = _quirk(
        "10.8",
        "Hiding a message from oneself is a 500, and changes nothing.",
        "It is hidden, if it is there.",
    )
    header_only: bool = _quirk(
        "10.12", "A token as subprotocol only refuses the handshake with 403.", "It opens, echoing the token."
    )
    references_checked: bool = _quirk(
        "10.13", "A task's owner or an event's requester whom nobody knows is a 500.", "He is stored."
    )
    text_must_be_storable: bool = _quirk(
        "10.14",
        "A text with a NUL or half a surrogate pair is a 500, and a message's has taken its seq.",
        "A NUL is stored, half a surrogate pair is a 422.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """
    Which server is played.

    Attributes:
        generation: The last public one (`a`), that of SDK 0.1.45 (`b1`), that of 0.1.83 (`b2`), or what serves both
            of these (`b`).
        caught_up: Whose caught-up rule and cursor hold (4.5, U6); `None`: the generation's own.
        is_full: The full profile; else what the communication profile has (2.12).
    """

    quirks: Quirks = field(default_factory=Quirks)
    generation: Generation = "b"
    caught_up: Literal["a", "b"] | None = None
    is_full: bool = True

    @property
    def is_first(self) -> bool:
        """Whether it is generation A."""
        return self.generation == "a"

    @property
    def has_b2(self) -> bool:
        """Whether what came with B2 is there: guests, expected versions, a body for `read`."""
        return self.generation in {"b2", "b"}

    @property
    def counts_movement(self) -> bool:
        """Whether any movement of the chat blocks a caught-up send, as in generation A."""
        return (self.caught_up or self.generation) == "a"


@dataclass(frozen=True, slots=True)
class Quirk:
    """A row of the table: the switch, its number in the contract, and what it does in either position."""

    name: str
    number: str
    on: str
    off: str


def table() -> list[Quirk]:
    """Every switch in words."""
    return [
        Quirk(entry.name, entry.metadata["number"], entry.metadata["on"], entry.metadata["off"])
        for entry in fields(Quirks)
    ]
