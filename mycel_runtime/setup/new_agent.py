"""
An external agent is made, and its token is kept: the backend tells the token this once.

So the room for it is taken first, and a note with the agent's id lies beside its place while the backend is asked:
whoever comes after a process that was killed, or after an answer that was lost, learns from it what became of the id.
"""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

from mycel_runtime.errors import (
    ArgumentError,
    ConfigError,
    ConflictError,
    MycelError,
    NotSentError,
    ServerError,
    TransportError,
    UnavailableError,
)
from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.setup.accounts import Accounts, refusals_told
from mycel_runtime.setup.interrupts import held_back
from mycel_runtime.setup.owner import MadeAgent, Owner
from mycel_runtime.setup.owner_store import add_agent
from mycel_runtime.setup.private_file import ReservedFile, hidden, write_file

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from mycel_runtime.sdk import Client


class IdTakenError(ArgumentError):
    """
    Somebody has this id.

    Args:
        user_id: The id.
        is_lost: We have asked for it before, and nobody has its token: it cannot be had again.
    """

    def __init__(self, user_id: str, *, is_lost: bool) -> None:
        self.user_id = user_id
        self.is_lost = is_lost
        lost = " by an earlier try of this, which ended before it had the token; that agent can never be used"
        super().__init__(
            f"the id {user_id} is taken{lost if is_lost else ''}", fix="Take another one: --user-id ID"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAgent:
    """
    What is wanted.

    Attributes:
        user_id: Its id, unique among all users of the backend.
        name: As others see it.
        token_file: Where its token is to be put; must not be there yet.
    """

    user_id: str
    name: str
    token_file: Path

    @property
    def note(self) -> Path:
        """As `note_of` its token's file."""
        return note_of(self.token_file)


def remember_kept(owner: Owner, agent: MadeAgent, token_file: Path) -> None:
    """
    End what a run has begun that was killed when the token was kept: remember the agent, and take away the rest.

    Raises:
        ConfigError: It cannot be written.
    """
    left = [path for path in (note_of(token_file), hidden(token_file)) if path.exists()]
    if left:
        add_agent(owner, agent)
    for path in left:
        path.unlink(missing_ok=True)


def made_agent(owner: Owner, user_id: str, name: str, token_file: Path) -> MadeAgent:
    """What is remembered of an agent, as of now."""
    return MadeAgent(
        user_id=user_id,
        name=name,
        owner_id=owner.user_id,
        token_file=str(token_file.absolute()),
        made_at=time.time(),
    )


def note_of(token_file: Path) -> Path:
    """The file that tells, while the backend is asked, which id it is asked for."""
    return token_file.with_name(f".{token_file.name}.wanted")


def make_agent(owner: Owner, wanted: NewAgent, accounts: Accounts, tell: Callable[[str], None]) -> MadeAgent:
    """
    Make the agent, as its owner, and keep its token.

    Args:
        owner: Whose it is to be.
        wanted: The agent.
        accounts: The backend.
        tell: Told what is waited for, when somebody interrupts.

    Raises:
        IdTakenError: The id is another one's.
        ArgumentError: The backend does not take it.
        ConfigError: The token's place cannot be used; nothing was made then.
        IdentityRefusedError: The owner's token is refused, or he may not make agents.
        UnavailableError: It is not known whether the agent was made.
        TransportError: The backend was not reached.
        KeyboardInterrupt: Held back until the token is kept.
    """
    with held_back(tell):
        reserved = ReservedFile(wanted.token_file)
        try:
            return _make(owner, wanted, accounts, reserved)
        finally:
            reserved.drop()


def _make(owner: Owner, wanted: NewAgent, accounts: Accounts, reserved: ReservedFile) -> MadeAgent:
    is_known = _noted(wanted) == wanted.user_id
    write_file(wanted.note, wanted.user_id)
    token = _ask(owner, wanted, accounts, is_known=is_known)
    try:
        reserved.keep(token + "\n")
    except ConfigError as exc:
        raise ConfigError(
            f"{exc.problem}; the agent {wanted.user_id} was made, and its token is lost",
            where=exc.where,
            fix="Make room, then make another agent: with --user-id ID.",
        ) from exc
    made = made_agent(owner, wanted.user_id, wanted.name, wanted.token_file)
    add_agent(owner, made)
    wanted.note.unlink(missing_ok=True)
    return made


def _ask(owner: Owner, wanted: NewAgent, accounts: Accounts, *, is_known: bool) -> str:
    """The new agent's token. The note is taken away where it is sure that there is no agent of ours."""
    try:
        with accounts.as_user(owner.token) as client, refusals_told(accounts.base_url):
            return _ask_as(client, wanted, is_known=is_known)
    except _OpenOutcomeError:
        raise
    except MycelError:
        with contextlib.suppress(OSError):
            wanted.note.unlink(missing_ok=True)
        raise


def _ask_as(client: Client, wanted: NewAgent, *, is_known: bool) -> str:
    try:
        return client.auth.create_external_user(wanted.user_id, wanted.name)["token"]
    except ConflictError as exc:
        raise IdTakenError(wanted.user_id, is_lost=is_known) from exc
    except NotSentError:
        raise
    except (TransportError, ServerError) as exc:
        raise _OpenOutcomeError(
            f"nobody knows whether the agent {wanted.user_id} was made: {exc}",
            fix="Do the same again: it finds out.",
        ) from exc


class _OpenOutcomeError(UnavailableError):
    """It may have been made."""


def _noted(wanted: NewAgent) -> str | None:
    try:
        return wanted.note.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return None
