"""
The operator's `pause` and `resume`: of a running agent, and of a journal whose daemon does not run.

`resume` lets go on what anything has stopped: the operator, the loop guard, its own failures, a twin.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from mycel_runtime.daemon.upkeep.at_rest import make_journal, pausable_journal
from mycel_runtime.journal.pause import PauseKind
from mycel_runtime.speech.twin_watch import RESUME_NAME

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from mycel_runtime.daemon.assembly import Parts
    from mycel_runtime.journal.port.engine import JournalEngine
    from mycel_runtime.journal.port.journal import Journal
    from mycel_runtime.wire.ids import ChatId, UserId

UNKNOWN: Final = "unknown"
"""Of a plugin that the agent does not have."""


async def pause(parts: Parts, journal: Journal, kind: str, name: str) -> dict[str, Any]:
    """
    Pause the agent, a chat or a plugin of a running agent.

    Args:
        parts: What runs.
        journal: The agent's.
        kind: A value of `PauseKind`.
        name: The chat's id or the plugin's name; empty of the agent.

    Returns:
        `paused`: `begun`, `already`, or `unknown`, of a plugin that there is not; `is_heard`: of a chat, whether the
        agent was ever told of it.
    """
    chosen = PauseKind(kind)
    if chosen is PauseKind.PLUGIN and name not in parts.plugin_names:
        return {"paused": UNKNOWN, "is_heard": True}
    is_new = await parts.pauses.pause(chosen, name)
    parts.dispatcher.wake()
    is_heard = chosen is not PauseKind.CHAT or name in await journal.levels(parts.me)
    return {"paused": "begun" if is_new else "already", "is_heard": is_heard}


async def resume(parts: Parts, journal: Journal, name: str, kind: str) -> str:
    """
    Let go on what was stopped, by whomever.

    Args:
        parts: What runs.
        journal: The agent's.
        name: A chat's id, a plugin's name, or `twin`; empty: the agent that was paused.
        kind: Of a chat or a plugin only, if it says so: a value of `PauseKind`.

    Returns:
        `agent`, `speech`, `chat`, `plugin`; or empty if nothing of that name was stopped.
    """
    resumed = await _resumed(parts, journal, name, kind)
    if resumed:
        parts.dispatcher.wake()
    return resumed


async def _resumed(parts: Parts, journal: Journal, name: str, kind: str) -> str:
    if not name:
        return "agent" if await parts.pauses.resume(PauseKind.AGENT) else ""
    if not kind and name == RESUME_NAME and parts.twin_watch.resume():
        return "speech"
    if kind in {"", PauseKind.CHAT} and await _resume_chat(parts, name):
        return "chat"
    if kind in {"", PauseKind.PLUGIN} and await _resume_plugin(parts, name):
        await journal.hasten(parts.me, delivery_id=None, plugin=name)
        return "plugin"
    return ""


async def _resume_chat(parts: Parts, name: str) -> bool:
    chat_id: ChatId = name  # type: ignore[assignment]  # whatever the operator typed; an unknown one is not held
    was_paused = await parts.pauses.resume(PauseKind.CHAT, chat_id)
    return await parts.loop_guard.attend(chat_id) or was_paused


async def _resume_plugin(parts: Parts, name: str) -> bool:
    was_paused = await parts.pauses.resume(PauseKind.PLUGIN, name)
    is_retried = parts.dispatcher.lifecycle.retry(name)
    return parts.dispatcher.quarantine.release(name) or is_retried or was_paused


def pause_at_rest(engine: JournalEngine, state_dir: Path, kind: str, name: str) -> str:
    """
    As the verb `pause`, under the journal's lock. Of an agent that has never run the journal is made.

    Returns:
        `begun` or `already`.

    Raises:
        StateDirectoryError: There is none yet, and it cannot be made.
        IdentityHeldError: A daemon has it, which has not begun to work.
        JournalError, JournalFileError: It cannot be opened or written.
    """
    return asyncio.run(_pause_at_rest(engine, state_dir, PauseKind(kind), name))


def resume_at_rest(engine: JournalEngine, name: str, kind: str) -> str:
    """
    As the verb `resume`, under the journal's lock: the ends of pauses, and of what the loop guard holds.

    Raises:
        NoDaemonError: There is no journal yet.
        IdentityHeldError, JournalError, JournalFileError: As of `pause_at_rest`.
    """
    return asyncio.run(_resume_at_rest(engine, name, kind))


async def _pause_at_rest(engine: JournalEngine, state_dir: Path, kind: PauseKind, name: str) -> str:
    make_journal(engine, state_dir)
    async with pausable_journal(engine) as (journal, identities):
        begun = [await journal.pause(me, kind, name) for me in identities]
        return "begun" if any(begun) else "already"


async def _resume_at_rest(engine: JournalEngine, name: str, kind: str) -> str:
    async with pausable_journal(engine) as (journal, identities):
        return await resume_in(journal, identities, name, kind)


async def resume_in(journal: Journal, identities: Sequence[UserId], name: str, kind: str) -> str:
    """As `resume`, of these identities, in a journal beside which nothing of them runs in this process."""
    kinds = [PauseKind(kind)] if kind else [PauseKind.CHAT, PauseKind.PLUGIN] if name else [PauseKind.AGENT]
    ended = [each for each in kinds for me in identities if await _ended(journal, me, each, name)]
    return ended[0].value if ended else ""


async def _ended(journal: Journal, me: UserId, kind: PauseKind, name: str) -> bool:
    was_paused = await journal.resume(me, kind, name)
    return (kind is PauseKind.CHAT and await journal.attend(me, name)) or was_paused
