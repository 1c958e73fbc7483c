"""
What every engine of the journal promises, in terms of `mycel_runtime.journal.port` only.

An engine's test module derives a class from `JournalConformance` and provides four fixtures: `journal`, which is
open and empty, and whose clock is a `StoreClock`; `successor`, an async callable that ends a journal and opens the
next one on the same store and clock; `unplugged`, one that opens what is found after the power fails just now; and
`reader`, the engine's `JournalReader` of the same store and clock, as of another process. What an engine promises
before its journal is open is in a class of its own (`promises/engine.py`).
"""

from __future__ import annotations

from tests.integration.journal.promises.appending import AppendConformance
from tests.integration.journal.promises.claiming import ClaimConformance
from tests.integration.journal.promises.cursors import ChatConformance
from tests.integration.journal.promises.deaths import DeathConformance
from tests.integration.journal.promises.durability import DurabilityConformance
from tests.integration.journal.promises.fencing import FencingConformance
from tests.integration.journal.promises.identities import IdentityConformance
from tests.integration.journal.promises.letters import BurialConformance
from tests.integration.journal.promises.looking import LookingConformance
from tests.integration.journal.promises.outbox import OutboxConformance
from tests.integration.journal.promises.pauses import PauseConformance
from tests.integration.journal.promises.questions import QuestionConformance
from tests.integration.journal.promises.readings import ReadingConformance
from tests.integration.journal.promises.retention import RetentionConformance
from tests.integration.journal.promises.skips import SkipConformance
from tests.integration.journal.promises.speech import SpeechConformance
from tests.integration.journal.promises.state import StateConformance
from tests.integration.journal.promises.times import TimeConformance
from tests.integration.journal.promises.transitions import TransitionConformance
from tests.integration.journal.promises.turns import TurnConformance
from tests.integration.journal.promises.utterances import UtteranceConformance
from tests.integration.journal.promises.waking import WakingConformance


class JournalConformance(
    AppendConformance,
    ClaimConformance,
    ChatConformance,
    BurialConformance,
    FencingConformance,
    DeathConformance,
    DurabilityConformance,
    LookingConformance,
    OutboxConformance,
    PauseConformance,
    QuestionConformance,
    IdentityConformance,
    ReadingConformance,
    RetentionConformance,
    SkipConformance,
    SpeechConformance,
    StateConformance,
    TimeConformance,
    TransitionConformance,
    TurnConformance,
    UtteranceConformance,
    WakingConformance,
):
    """All promises of the port."""
