"""The agents of an owner, as far as anybody tells: the backend has no list of external ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from mycel_runtime.errors import NotFoundError
from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.setup.accounts import Accounts, refusals_told

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mycel_runtime.sdk import Client
    from mycel_runtime.setup.owner import Owner


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentRow:
    """
    One agent.

    Attributes:
        kind: `made here`: by this owner on this machine; `in a chat`: an external agent that is in a chat of his,
            and may be somebody else's; `managed`: lives on Mycel, and has no token for a runtime.
        token_file: Where its token was put; `None` unless it was made here.
    """

    user_id: str
    name: str
    kind: Literal["made here", "in a chat", "managed"]
    token_file: str | None = None


def agents_of(owner: Owner, accounts: Accounts) -> list[AgentRow]:
    """
    Each once, those that were made here first.

    Raises:
        IdentityRefusedError: The owner's token is refused.
        UnavailableError, TransportError: The backend is not to be had now.
    """
    rows = {
        agent.user_id: AgentRow(
            user_id=agent.user_id, name=agent.name, kind="made here", token_file=agent.token_file
        )
        for agent in owner.own_agents
    }
    with accounts.as_user(owner.token) as client, refusals_told(accounts.base_url):
        for row in (*_met(client), *_managed(client)):
            rows.setdefault(row.user_id, row)
    return list(rows.values())


def _met(client: Client) -> Iterator[AgentRow]:
    for chat in client.chats.list():
        for member in chat["members"]:
            if member.get("type") == "external":
                yield AgentRow(user_id=member["id"], name=member["name"], kind="in a chat")


def _managed(client: Client) -> Iterator[AgentRow]:
    """None where the backend has no such endpoint (contract 2.3)."""
    try:
        found = client.agents.list()["items"]
    except NotFoundError:
        return
    for agent in found:
        yield AgentRow(user_id=agent["id"], name=agent["name"], kind="managed")
