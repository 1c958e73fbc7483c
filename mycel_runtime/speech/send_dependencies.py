"""What it takes to speak. A record, made once per identity."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING

from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.speech.evidence import Evidence

if TYPE_CHECKING:
    from collections.abc import Callable

    from mycel_runtime.journal.port.speech import SpeechJournal
    from mycel_runtime.observe.observer import Observer
    from mycel_runtime.sdk import AsyncClient
    from mycel_runtime.speech.pauses import Pauses
    from mycel_runtime.speech.twin_watch import TwinWatch
    from mycel_runtime.wire.ids import UserId


@dataclass(frozen=True, slots=True, kw_only=True)
class SendDependencies:
    """
    What it takes to speak.

    Attributes:
        journal: Where intents are kept.
        twin_watch: Says whether somebody else speaks as the identity.
        pauses: Say what is paused.
        sdk: As the identity.
        me: The identity.
        observer: Told of sends, conflicts and unresolved sends.
        clock: Epoch seconds.
        settle_grace: Seconds, after its sender gave up, until a request that is not in the history counts as lost;
            one that something in between has answered counts sooner. What a proxy or an overloaded server holds for
            longer and then stores is said twice, unless the server counts our own messages (Q29) and refuses it, or
            it is there before the next try: without an idempotency key (Q22) nobody can tell.
        evidence: Told of sends that were accepted.
    """

    journal: SpeechJournal
    twin_watch: TwinWatch
    pauses: Pauses
    sdk: AsyncClient
    me: UserId
    observer: Observer
    clock: Callable[[], float]
    settle_grace: float
    evidence: Evidence = field(default_factory=Evidence)
