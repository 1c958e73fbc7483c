"""What the life of an agent is made of, whether it listens or only has its handlers run."""

from __future__ import annotations

import abc
import time
from typing import TYPE_CHECKING

from mycel_runtime.daemon.agent_observers import AgentObservers
from mycel_runtime.daemon.awaited_database import AwaitedDatabase
from mycel_runtime.daemon.credential import AgentClient, Credential
from mycel_runtime.daemon.identity import identify
from mycel_runtime.journal.engines import engine_of
from mycel_runtime.observe.facts import DaemonStarted, DatabaseNewer, JournalLocked, JournalUnlocked
from mycel_runtime.observe.observer import FanOut
from mycel_runtime.plugin.registry import bound_handlers
from mycel_runtime.settings import read_database

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from prometheus_client.core import Metric as Family

    from mycel_runtime.daemon.reload.agent_reload import AgentReload
    from mycel_runtime.daemon.signals import StopRequest
    from mycel_runtime.daemon.status import Status
    from mycel_runtime.journal.port.journal import Journal
    from mycel_runtime.observe.observer import Observer
    from mycel_runtime.plugin.registry import LoadedPlugin
    from mycel_runtime.sdk import Network
    from mycel_runtime.settings import Settings
    from mycel_runtime.wire.ids import UserId


class AgentLife(abc.ABC):
    """
    Of one agent in one process.

    Args:
        settings: The agent's, as it starts.
        plugins: Loaded.
        reload: Its file.
        network: How its backend is reached.
        observer: Told of everything.

    Attributes:
        observer: Told of everything, this agent's status included.
    """

    def __init__(
        self,
        settings: Settings,
        plugins: Iterable[LoadedPlugin],
        reload: AgentReload,
        *,
        network: Network,
        observer: Observer,
    ) -> None:
        plugins = list(plugins)
        self._settings = settings
        self._reload = reload
        self._network = network
        self._bound = bound_handlers(plugins)
        self._handlers = [bound.handler.id for bound in self._bound]
        self._refused = [loaded.plugin.name for loaded in plugins if loaded.refused is not None]
        self._observers = AgentObservers(
            settings, self._handlers, network=network, observer=observer, clock=self._now
        )
        self.observer = self._observers.all
        self._engine = engine_of(settings.state_dir, read_database(settings, reload.config))
        self._awaited = AwaitedDatabase(self._engine, self._observers.database_outage, self._tell_away)
        self._has_ended = False

    @property
    def agent(self) -> str:
        """The agent's name."""
        return self._settings.agent.name

    @property
    def config(self) -> Path:
        """Its file; absolute."""
        return self._reload.config

    @property
    def has_ended(self) -> bool:
        """Whether it has ended, while others of its process may live."""
        return self._has_ended

    @abc.abstractmethod
    async def run(self, stop: StopRequest, *, ready: Callable[[], None]) -> None:
        """
        Live until a stop is asked for.

        Args:
            stop: Of the whole process.
            ready: Called once configuration, journal, plugins and lock stand.

        Raises:
            IdentityHeldError: Another process has this state directory.
            IdentityRefusedError: The backend refuses the token.
            ConfigError, JournalError: The state directory or the journal cannot be used.
        """

    @property
    @abc.abstractmethod
    def _current(self) -> Journal | None:
        """Its journal while that is open."""

    def families(self, status: Status) -> Iterator[Family]:
        """
        What is counted and measured of this agent alone.

        Args:
            status: As it is now.
        """
        return self._observers.metrics.families(status, self._engine.files, self._settings.state_dir)

    def _now(self) -> float:
        """Epoch seconds, by the store's clock while the journal is open."""
        journal = self._current
        return time.time() if journal is None else journal.now()

    def _announce(self, server: str) -> None:
        self.observer.tell(
            DaemonStarted(
                agent=self.agent,
                server=server,
                state_dir=str(self._settings.state_dir),
                handlers=len(self._handlers),
            )
        )

    def _open_journal(self) -> AbstractAsyncContextManager[Journal]:
        return self._engine.opened(
            on_lock=self._tell_locked,
            on_away=self._tell_away,
            on_newer=self._tell_newer,
            on_commit=self._observers.metrics.durations.committed,
            kept_turns=self._settings.journal.kept_turns,
        )

    def _tell_locked(self, waited: float | None) -> None:
        """As of `JournalEngine.opened`."""
        self.observer.tell(JournalLocked() if waited is None else JournalUnlocked(waited=round(waited, 3)))

    def _tell_newer(self, version: int, known: int) -> None:
        """As of `JournalEngine.opened`."""
        self.observer.tell(DatabaseNewer(where=self._engine.where, version=version, known=known))

    def _tell_away(self, reason: str, seconds: float) -> None:
        """As of `JournalEngine.opened`."""
        self._observers.tell_away(self._engine.where, reason, seconds)

    def _client(self, server: str, credential: Credential) -> AgentClient:
        """As the agent, to the server; to be entered."""
        return AgentClient(
            base_url=server,
            credential=credential,
            observer=self.observer,
            health=self._observers.network_health,
            network=self._network,
            durations=self._observers.metrics.durations,
            clock=self._now,
        )

    async def _identify(self, sdk: AgentClient) -> UserId:
        """As whom it speaks, however long the backend takes to say; raises as `identify`."""
        me = await identify(
            sdk,
            server=self._settings.agent.base_url,
            settings=self._settings.inbox,
            observer=FanOut([self.observer, self._observers.identification]),
            user_id=self._settings.agent.user_id,
        )
        sdk.belongs_to(me)
        return me
