"""What a request works on: the world, where it is kept, who listens, and what goes wrong on purpose."""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid
from itertools import chain
from typing import TYPE_CHECKING, Any, Final, Protocol

from mycel_runtime.backend.tokens import TokenError, Tokens
from mycel_runtime.backend.world import messages
from mycel_runtime.backend.world.inbox import Streams
from mycel_runtime.backend.world.refusal import Broken, Refused
from mycel_runtime.backend.world.wake import WakeBus

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from mycel_runtime.backend.faults import Faults
    from mycel_runtime.backend.storage import Storage
    from mycel_runtime.backend.world.entities import Message, User

SERVICE: Final = "mycel.service"
"""Where in an ASGI scope it stands."""

ECHO_SECONDS: Final = 0.002
"""Until the second of the two wakes; the real one goes through the database (Q8)."""

NO_HEADER: Final = "Missing or invalid Authorization header"
NO_USER: Final = "User no longer exists — please re-login"


class Ending(Protocol):
    """A subscription, as far as a service ends it."""

    def end(self) -> None:
        """Stop serving."""


class Watching(Ending, Protocol):
    """Somebody who watches a chat, as far as a service shows him what is said."""

    def show(self, message: dict[str, Any]) -> None:
        """A message was stored."""


class Silenced(Protocol):
    """A half-open connection."""

    def release(self) -> None:
        """Close it after all."""


class Post:
    """Where one-time passwords go: kept for tests, told to the operator."""

    def __init__(self, tell: Callable[[str, str], None] | None = None) -> None:
        self.codes: dict[str, str] = {}
        self._tell = tell

    def deliver(self, email: str, code: str) -> None:
        """Send a code."""
        self.codes[email] = code
        if self._tell is not None:
            self._tell(email, code)


class Transaction:
    """
    What `Service.transaction` enters; a generator's context would take as long as what is done in most of them.

    Args:
        commit: Called at the end, however that comes.
        talk: What it is called with.
    """

    __slots__ = ("_commit", "_talk")

    def __init__(self, commit: Callable[[int], None], talk: int) -> None:
        self._commit, self._talk = commit, talk

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._commit(self._talk)


class Service:
    """
    One life of the backend; its numbers and handlers end with it (Q1).

    Used by one event loop only.

    Attributes:
        silenced: Half-open connections, to be closed with this life.
        sent: What was answered to sends with an idempotency key (Q22 switched off).
    """

    def __init__(
        self,
        storage: Storage,
        faults: Faults,
        streams: Streams | None = None,
        post: Post | None = None,
        clock: Callable[[], float] = time.time,
        on_talk: Callable[[], None] = lambda: None,
    ) -> None:
        self._clock = clock
        self._on_talk = on_talk
        self.faults = faults
        self.post = post or Post()
        self.world = storage.load()
        self.rules = self.world.rules
        self.quirks = self.world.quirks
        self.streams = streams or Streams(self.quirks)
        self.bus = WakeBus(self.quirks)
        self.tokens = Tokens(storage.secret)
        self.subscriptions: set[Ending] = set()
        self.silenced: list[Silenced] = []
        self.sent: dict[tuple[str, str, str], dict[str, Any]] = {}
        self._storage = storage
        self._watching: dict[str, set[Watching]] = {}

    def now(self) -> float:
        """Epoch seconds."""
        return self._clock()

    def new_id(self) -> str:
        """A new UUID as text."""
        return str(uuid.uuid4())

    def authenticate(self, authorization: str) -> User:
        """
        The user of an `Authorization` header.

        Raises:
            Refused: 401 with the texts of contract 1.2.
        """
        scheme, _, token = authorization.partition(" ")
        if scheme != "Bearer" or not token:
            raise Refused(401, NO_HEADER)
        return self.user_of(token)

    def user_of(self, token: str) -> User:
        """
        The user of a token.

        Raises:
            Refused: 401.
        """
        try:
            user_id = self.tokens.read(token, self.now())
        except TokenError as exc:
            raise Refused(401, str(exc)) from exc
        if (user := self.world.users.get(user_id)) is None:
            raise Refused(401, NO_USER)
        return user

    def is_orphaned(self, token: str) -> bool:
        """Whether a token is good but its user is gone."""
        try:
            return self.tokens.read(token, self.now()) not in self.world.users
        except TokenError:
            return False

    def transaction(self) -> Transaction:
        """
        Write what the body changes, then wake whom it woke; also when it fails after its change (Q21).

        The body must not await.
        """
        return Transaction(self._commit, self.world.talk)

    def _commit(self, talk: int) -> None:
        if changes := self.world.take_changes():
            self._storage.save(changes)
        for message in self.world.take_said():
            self._show(message)
        for user_id in self.world.take_wakes():
            self._wake(user_id)
        if self.world.talk != talk:
            self._on_talk()

    def watch(self, chat_id: str, viewer: Watching) -> None:
        """Show somebody what is said in a chat from now on."""
        self._watching.setdefault(chat_id, set()).add(viewer)

    def unwatch(self, chat_id: str, viewer: Watching) -> None:
        """Show him nothing more."""
        self._watching.get(chat_id, set()).discard(viewer)

    def end_subscriptions(self) -> None:
        """Let every subscription end, those of dead connections too, and whoever watches a chat."""
        for subscription in (*self.subscriptions, *chain.from_iterable(self._watching.values())):
            subscription.end()

    def _show(self, message: Message) -> None:
        for viewer in tuple(self._watching.get(message.chat_id, ())):
            with contextlib.suppress(Broken):
                viewer.show(messages.show(self.world, self.world.rooms[message.chat_id], message))

    def _wake(self, user_id: str) -> None:
        if self.faults.strikes("wake"):
            return
        if lag := self.faults.take_wake_lag():
            asyncio.get_running_loop().call_later(lag, self._publish, user_id)
        else:
            self._publish(user_id)

    def _publish(self, user_id: str) -> None:
        self.bus.publish(user_id)
        if self.quirks.double_wake:
            asyncio.get_running_loop().call_later(ECHO_SECONDS, self.bus.publish, user_id)
