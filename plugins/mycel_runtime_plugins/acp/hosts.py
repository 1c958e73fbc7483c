"""The hosts of all agents in this process: each identity has its own, from its start to its stop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mycel_runtime_plugins.acp.host import AgentHost

if TYPE_CHECKING:
    from mycel_runtime_plugins.acp.settings import AcpSettings

_HOSTS: Final[dict[str, AgentHost]] = {}


def host_of(me: str, settings: AcpSettings) -> AgentHost:
    """
    That of an identity; made when it is first asked for.

    Args:
        me: The identity.
        settings: Of the plugin.
    """
    return _HOSTS.setdefault(me, AgentHost(settings, me))


async def close_host(me: str) -> None:
    """
    End what an identity has running, if it has.

    Cancelling: the end goes on without us.
    """
    if (host := _HOSTS.pop(me, None)) is not None:
        await host.close()


async def close_hosts() -> None:
    """As `close_host`, for all."""
    for me in list(_HOSTS):
        await close_host(me)
