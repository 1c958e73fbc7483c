"""Who lives on a campaign's backend."""

from __future__ import annotations

from dataclasses import dataclass, field

from mycel_runtime.sdk import Client


@dataclass(frozen=True, kw_only=True)
class Household:
    """
    An agent, its owner, and the chats between the two: the first one is direct, the others are groups.

    Attributes:
        chats: Their ids.
    """

    owner_id: str
    owner_token: str = field(repr=False)
    agent_id: str
    agent_token: str = field(repr=False)
    chats: list[str]

    @classmethod
    def settle(cls, base_url, agent="agent", *, chats):
        """
        Make them, by ordinary calls of the API.

        Args:
            base_url: Of the backend.
            agent: The agent's name.
            chats: How many.
        """
        with Client(base_url=base_url) as nobody:
            owner = nobody.auth.create_guest_owner(f"owner of {agent}")
        with Client(base_url=base_url, auth_token=owner["token"]) as client:
            made = client.auth.create_external_user(agent, agent)
            ids = [client.chats.ensure_direct(agent)["id"]]
            ids += [
                client.chats.create([agent], title=f"chat {number}", kind="group")["id"]
                for number in range(1, chats)
            ]
        return cls(
            owner_id=owner["user"]["id"],
            owner_token=owner["token"],
            agent_id=made["user"]["id"],
            agent_token=made["token"],
            chats=ids,
        )
