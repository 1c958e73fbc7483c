"""
`ctx.sdk`: the clients of `mycel_runtime.sdk`, as the agent, from within a run.

Every method is there, with its arguments and results, and each call goes through the context's port: beside the
runtime to `sdk_calls`, from a plugin's own process to the runtime. So there is no token here, and no address; and
what would break a promise of the runtime is refused there, too, for a plugin's process may ask for anything.
"""

from __future__ import annotations

import functools
import types
from typing import TYPE_CHECKING, Any, Final, NoReturn, Self, TypeAlias, cast

from typing_extensions import override

from mycel_runtime.plugin.sdk_table import REFUSED, SEND, WALKS, require_allowed
from mycel_runtime.sdk import notifications, resources

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping, Sequence

    from mycel_runtime.plugin.context_run import ContextRun
    from mycel_runtime.sdk import AsyncClient, Client

    _Ask: TypeAlias = Callable[[str, Sequence[Any], Mapping[str, Any]], Any]

_AWAITED: Final[dict[str, type[Any]]] = {
    "auth": resources.AsyncAuth,
    "me": resources.AsyncMe,
    "users": resources.AsyncUsers,
    "agents": resources.AsyncAgents,
    "threads": resources.AsyncThreads,
    "chats": resources.AsyncChats,
    "messages": resources.AsyncMessages,
    "relationships": resources.AsyncRelationships,
    "notifications": notifications.AsyncNotifications,
}

_PLAIN: Final[dict[str, type[Any]]] = {
    "auth": resources.Auth,
    "me": resources.Me,
    "users": resources.Users,
    "agents": resources.Agents,
    "threads": resources.Threads,
    "chats": resources.Chats,
    "messages": resources.Messages,
    "relationships": resources.Relationships,
    "notifications": notifications.Notifications,
}
"""The resource groups of both clients, whose methods and signatures these have."""


class _Guarded:
    """What both have: nothing of it can be kept beyond the process, or copied into another one."""

    __slots__ = ()

    @override
    def __reduce__(self) -> NoReturn:
        raise TypeError("ctx.sdk belongs to one run of a handler, and cannot be pickled or copied")


class _GuardedGroup(_Guarded):
    """A resource group: the methods of `kind`, each of them asked for by its name."""

    __slots__ = ("_ask", "_kind", "_name")

    def __init__(self, name: str, kind: type[Any], ask: _Ask) -> None:
        self._name = name
        self._kind = kind
        self._ask = ask

    @override
    def __repr__(self) -> str:
        return f"<ctx.sdk.{self._name}>"

    @override
    def __dir__(self) -> list[str]:
        return [name for name in dir(self._kind) if not name.startswith("_")]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        declared, call = getattr(self._kind, name), f"{self._name}.{name}"
        if call in WALKS:
            return types.MethodType(declared, self)

        @functools.wraps(declared)
        def method(*args: Any, **kwargs: Any) -> Any:
            require_allowed(call)
            # What no server would take is said here, as by the clients themselves.
            declared(*args, **kwargs)
            return self._ask(call, args, kwargs)

        return method


class _GuardedClient(_Guarded):
    """
    Either client.

    Args:
        kinds: Of its resource groups.
        ask: Makes a call, by its name and arguments.
    """

    __slots__ = ("_ask", "_kinds")

    def __init__(self, kinds: Mapping[str, type[Any]], ask: _Ask) -> None:
        self._kinds = kinds
        self._ask = ask

    @override
    def __repr__(self) -> str:
        return "<ctx.sdk>"

    @override
    def __dir__(self) -> list[str]:
        return [*self._kinds, "backend_info"]

    def __getattr__(self, name: str) -> Any:
        if (kind := self._kinds.get(name)) is not None:
            return _GuardedGroup(name, kind, self._ask)
        if name in REFUSED:
            require_allowed(name)
        raise AttributeError(name)

    def backend_info(self) -> Any:
        """As of the client."""
        return self._ask("backend_info", (), {})


class GuardedAsyncClient(_GuardedClient):
    """`AsyncClient`, for `async def` handlers."""

    __slots__ = ()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        return None

    async def aclose(self) -> None:
        """Does nothing: the connections are the runtime's."""


class GuardedClient(_GuardedClient):
    """`Client`, for plain functions."""

    __slots__ = ()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        return None

    def close(self) -> None:
        """Does nothing: the connections are the runtime's."""


def guarded_async_client(run: ContextRun) -> AsyncClient:
    """The client of a run, awaited."""

    def ask(call: str, arguments: Sequence[Any], options: Mapping[str, Any]) -> Any:
        asked = _ask(run, call, arguments, options)
        # What is said must not be left unawaited, as of a reply.
        return run.begin(asked) if call == SEND else asked

    return cast("AsyncClient", GuardedAsyncClient(_AWAITED, ask))


def guarded_client(run: ContextRun, wait: Callable[[Coroutine[Any, Any, Any]], Any]) -> Client:
    """The client of a run, with plain calls, each of which is waited for so."""

    def ask(call: str, arguments: Sequence[Any], options: Mapping[str, Any]) -> Any:
        return wait(_ask(run, call, arguments, options))

    return cast("Client", GuardedClient(_PLAIN, ask))


async def _ask(run: ContextRun, call: str, arguments: Sequence[Any], options: Mapping[str, Any]) -> Any:
    run.require_open()
    return await run.sdk.call_sdk(call, arguments, options)
