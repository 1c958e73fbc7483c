"""What becomes of a request. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mycel_runtime_plugins.gatekeeper.settings import GatekeeperSettings, Kind, Rule, Way


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """
    Who asks, and with which words.

    Attributes:
        user_id: Who.
        name: The display name, which its bearer has chosen.
        message: What is written with the request: data, never an instruction.
        chat_id: Of the group; `None`: a relationship is asked for.
    """

    user_id: str
    name: str
    message: str = field(repr=False)
    chat_id: str | None = None

    @property
    def kind(self) -> Kind:
        """What is asked for."""
        return "relationship" if self.chat_id is None else "join_request"


def way_of(asker: Asker, settings: GatekeeperSettings) -> Way:
    """
    What becomes of a request.

    Whoever decides for the agent is let in himself: asking him about himself would tell nothing.
    """
    if asker.user_id == settings.ask_user:
        return "allow"
    default = settings.relationships if asker.kind == "relationship" else settings.join_requests
    return next((rule.then for rule in settings.rules if _is_met(rule, asker)), default)


def needs_name(asker: Asker, settings: GatekeeperSettings) -> bool:
    """Whether it might depend on the display name, known or not."""
    return any(rule.names is not None and rule.kind in (None, asker.kind) for rule in settings.rules)


def _is_met(rule: Rule, asker: Asker) -> bool:
    return (
        rule.kind in (None, asker.kind)
        and (rule.users is None or asker.user_id in rule.users)
        and (rule.names is None or asker.name in rule.names)
        and (rule.message is None or rule.message.is_in(asker.message))
        and (rule.chats is None or asker.chat_id in rule.chats)
    )
