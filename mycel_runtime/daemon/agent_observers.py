"""Whom an agent's facts are told: what counts, measures, remembers and shows them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from mycel_runtime.daemon import systemd
from mycel_runtime.daemon.awaited_token import AwaitedToken
from mycel_runtime.daemon.database_outage import DatabaseOutage
from mycel_runtime.daemon.held_loop import HeldLoop
from mycel_runtime.daemon.identity import Identification
from mycel_runtime.daemon.journal_lock import JournalLock
from mycel_runtime.daemon.metrics.agent_metrics import AgentMetrics
from mycel_runtime.daemon.network_health import NetworkHealth
from mycel_runtime.daemon.release import VERSION
from mycel_runtime.daemon.tracing.tracing import Tracing
from mycel_runtime.daemon.unkept import Unkept
from mycel_runtime.observe.counters import Counters
from mycel_runtime.observe.facts import DatabaseLost, DatabaseRegained
from mycel_runtime.observe.following import Followers
from mycel_runtime.observe.observer import FanOut
from mycel_runtime.sdk.network import is_proxied
from mycel_runtime.settings.credentials import reads_credential

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from mycel_runtime.journal.ids import HandlerId
    from mycel_runtime.observe.observer import Observer
    from mycel_runtime.sdk import Network
    from mycel_runtime.settings import Settings


class AgentObservers:
    """
    Of one agent, from its start to its end.

    Args:
        settings: The agent's.
        handlers: Ids of all, which have durations of their own.
        network: How the backend is reached.
        observer: Told of everything, too.
        clock: Epoch seconds, as the agent's status is told.

    Attributes:
        counters: Of facts.
        metrics: Counts and durations for a monitoring system.
        awaited_token: Whether the token is refused, and another one waited for.
        journal_lock: Whether somebody else holds the journal's lock.
        database_outage: Whether the database that keeps the journal is away.
        held_loop: Which handler has kept the event loop from everybody else.
        network_health: How calls go.
        followers: Whoever follows the facts over the socket.
        unkept: What is lost beside the work.
        tracing: Spans of what happens, where they are wanted.
        identification: Whether the backend says who this is; only whoever asks that tells it.
        all: All but that one, to be told as one.
    """

    def __init__(
        self,
        settings: Settings,
        handlers: Sequence[HandlerId],
        *,
        network: Network,
        observer: Observer,
        clock: Callable[[], float],
    ) -> None:
        self.counters = Counters(clock)
        self.metrics = AgentMetrics(settings.agent.name, handlers)
        self.journal_lock = JournalLock(clock)
        self.database_outage = DatabaseOutage(clock)
        self.awaited_token = AwaitedToken(_written_token(settings), clock)
        self.held_loop = HeldLoop(clock)
        self.network_health = NetworkHealth(
            interval=settings.inbox.reconcile_interval,
            is_proxied=is_proxied(settings.agent.base_url, network),
        )
        self.followers = Followers(time.time)
        self.unkept = Unkept()
        self.tracing = Tracing(settings.tracing, agent=settings.agent.name, version=VERSION)
        self.identification = Identification()
        self.all = FanOut(
            [
                observer,
                self.counters,
                self.followers,
                *([self.tracing] if self.tracing.is_wanted else []),
            ],
            choosy=[
                self.metrics.facts,
                self.journal_lock,
                self.database_outage,
                self.held_loop,
                self.awaited_token,
                self.network_health,
                systemd.StatusLine(),
                self.unkept,
            ],
        )

    def tell_away(self, where: str, reason: str, seconds: float) -> None:
        """
        Let everybody know that a database is away, or is there again.

        Args:
            where: Which, for a person.
            reason: As of `on_away` of `JournalEngine.opened`.
            seconds: Likewise.
        """
        waited = round(seconds, 3)
        lost = DatabaseLost(where=where, reason=reason, waited=waited)
        self.all.tell(lost if reason else DatabaseRegained(where=where, waited=waited))


def _written_token(settings: Settings) -> Path | None:
    """The file into which the operator writes another token under the running agent, if it reads any."""
    is_given = not settings.is_embedded and reads_credential(settings)
    return None if is_given else settings.agent.token_file
