"""
A process that dies between two steps, played in a process that goes on.

Once dead, nothing of that life reaches journal or backend any more, whatever its handlers still try; what it had
under way is on its way, as after SIGKILL.
"""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar, get_args

from typing_extensions import override

from mycel_runtime.daemon.credential import AgentClient
from mycel_runtime.errors import ArgumentError

if TYPE_CHECKING:
    from mycel_runtime.daemon.credential import Credential
    from mycel_runtime.daemon.network_health import NetworkHealth
    from mycel_runtime.observe.observer import Observer
    from mycel_runtime.sdk.calls import Call
    from mycel_runtime.sdk.network import Network

T = TypeVar("T")

KillPoint = Literal[
    "before read",
    "after read",
    "before intent",
    "after intent",
    "before send",
    "after send",
    "before record",
    "after record",
    "before finish",
    "after finish",
]
"""
A step of a reply, in their order: the chat is read and marked as read, the reply is written down, sent, its place in
the chat recorded; then the run's end is written down.
"""

_VERBS: Final = {"intend": "intent", "record": "record", "finish": "finish"}
"""Of the journal, by the names of the points around them."""

_CLOCK: Final = "now"
"""Of the journal: to look at it is nothing that the dead would have done."""


class KilledError(BaseException):
    """This life is over. Passes `except Exception`, as nothing runs after SIGKILL."""


class Lifetime:
    """
    How long something lives: until it is asked to end, or until it is killed.

    Attributes:
        ending: Set by either.
        is_killed: Nothing is done any more.
        is_reborn: Whoever was killed is started again, as by a supervisor.
    """

    def __init__(self) -> None:
        self.ending = asyncio.Event()
        self.is_killed = False
        self.is_reborn = False
        self._point: KillPoint | None = None
        self._left = 0

    def die_at(self, point: KillPoint, nth: int) -> None:
        """
        Be killed at the n-th passing of a point from now, and be started again.

        Raises:
            ArgumentError: There is no such point.
        """
        if point not in get_args(KillPoint):
            raise ArgumentError(
                f"{point!r} is no point", fix=f"Take one of: {', '.join(get_args(KillPoint))}."
            )
        self._point, self._left = point, nth

    def kill(self) -> None:
        """Now."""
        self.is_killed = True
        self.ending.set()

    def end(self) -> None:
        """In order."""
        self.ending.set()

    def pass_by(self, point: str) -> None:
        """
        A point is passed, unless that ends here.

        Raises:
            KilledError: It does, or has before.
        """
        if self.is_killed:
            raise KilledError
        if point == self._point:
            self._left -= 1
            if self._left == 0:
                self.is_reborn = True
                self.kill()
                raise KilledError


class Mortal:
    """What does nothing for the dead, and before and after whose verbs one may die."""

    def __init__(self, inner: Any, lifetime: Lifetime) -> None:
        self._inner = inner
        self._lifetime = lifetime

    def __getattr__(self, name: str) -> Any:
        inner = self._inner
        if not callable(value := getattr(inner, name)) or name == _CLOCK:
            return value
        point = _VERBS.get(name, name)
        before, after = f"before {point}", f"after {point}"

        def mortal(*args: Any, **kwargs: Any) -> Any:
            self._lifetime.pass_by(before)
            result = getattr(inner, name)(*args, **kwargs)
            self._lifetime.pass_by(after)
            return result

        async def mortal_until_done(*args: Any, **kwargs: Any) -> Any:
            self._lifetime.pass_by(before)
            result = await getattr(inner, name)(*args, **kwargs)
            self._lifetime.pass_by(after)
            return result

        # Found there from now on.
        verb = mortal_until_done if inspect.iscoroutinefunction(value) else mortal
        self.__dict__[name] = verb
        return verb


class MortalClient(AgentClient):
    """The agent's client, which may die before and after a call."""

    def __init__(
        self,
        lifetime: Lifetime,
        *,
        base_url: str,
        credential: Credential,
        observer: Observer,
        health: NetworkHealth,
        network: Network,
    ) -> None:
        super().__init__(
            base_url=base_url, credential=credential, observer=observer, health=health, network=network
        )
        self._lifetime = lifetime

    @override
    async def call(self, call: Call[T]) -> T:
        point = _point_of(call)
        self._lifetime.pass_by(f"before {point}")
        result = await super().call(call)
        self._lifetime.pass_by(f"after {point}")
        return result


def _point_of(call: Call[Any]) -> str:
    if call.is_send:
        return "send"
    return "read" if call.path.endswith("/messages/read") else "call"
