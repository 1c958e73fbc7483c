"""
Which plugins there are, and what each of them hears.

Each is imported in a process of its own: what an import does, however long it takes, is done to nobody else.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from mycel_runtime.errors import PluginError
from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.plugin.agenda import next_firings
from mycel_runtime.plugin.credentials import texts_for
from mycel_runtime.plugin.isolation.inquiry import Inquiry
from mycel_runtime.plugin.isolation.messages import (
    FramePattern,
    HookMoment,
    MessageFilters,
    QuestionName,
    ScheduleText,
    TimerName,
    encode,
)
from mycel_runtime.plugin.isolation.process import WorkerSpec
from mycel_runtime.plugin.loading import GROUP, installed, where_of
from mycel_runtime.plugin.registry import IMPORT_SECONDS, pop_isolation

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from mycel_runtime.plugin.agenda import NextFiring, PlannedFiring
    from mycel_runtime.plugin.isolation.messages import Described, HandlerDescription

_KINDS: Final = {
    "relationship": "relationships",
    "join_request": "requests to join",
    "chat": "chats",
    "workflow_event": "workflow events",
}

_NOUNS: Final = {TimerName: "timer", QuestionName: "answers"}

SIDE_BY_SIDE: Final = 4
"""Imported at a time: all at once each would take as long as all together, and no import may take for ever."""

_NO_FILES: Final[Mapping[str, Path]] = {}

State: TypeAlias = Literal["ready", "loaded", "left alone", "refused"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """
    What an agent itself can tell of its plugins.

    Attributes:
        loaded: Names of those that the running daemon has; none while none runs.
        left_alone: Of those that it leaves alone.
        planned: What its journal holds.
    """

    loaded: Collection[str] = ()
    left_alone: Collection[str] = ()
    planned: Sequence[PlannedFiring] = field(default=(), repr=False)


NOTHING_KNOWN: Final = Known()
"""It has never run, or there is no agent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginRow:
    """
    A plugin, for a person or a program.

    Attributes:
        name: Of its entry point, or of its table.
        version: Of its distribution; empty for a file.
        origin: Its distribution and entry point, or its file.
        state: `ready`: can be used; `loaded`: the running daemon has it; `left alone` by it, for a while because it
            fails and fails, or until a restart because it could not be imported; `refused`: cannot be used.
        is_isolated: It runs in processes of its own.
        handlers: What each hears.
        next_firings: When those of timers and schedules are called next.
        where, problem, fix: Of one that is refused; `where` names the file and the key.
    """

    name: str
    version: str
    origin: str
    state: State
    is_isolated: bool = False
    handlers: tuple[str, ...] = ()
    next_firings: tuple[NextFiring, ...] = ()
    where: str = ""
    problem: str = ""
    fix: str = ""


class Descriptions:
    """
    What plugins have said of themselves, for whoever looks at many agents: what they have in common is asked once.

    A refusal is not kept: it names the file and the line of the agent that it is about. May be used in threads.
    """

    def __init__(self) -> None:
        self._said: dict[bytes, Described] = {}

    def of(self, spec: WorkerSpec) -> Described | None:
        """What this very table has said, in a file of the same folder; `None`: it was not asked yet."""
        return self._said.get(_content_of(spec))

    def keep(self, spec: WorkerSpec, said: Described) -> None:
        """For the next one."""
        self._said[_content_of(spec)] = said


def _content_of(spec: WorkerSpec) -> bytes:
    """All that a description can depend on: relative paths are relative to the folder."""
    return encode(replace(spec, config=spec.config.parent).load)


def installed_plugins() -> list[PluginRow]:
    """All of the entry points' group, by name; settings are at their defaults."""
    return plugins_of({name: {} for name in sorted(installed())}, Path("agent.toml"))


def plugins_of(
    tables: Mapping[str, Mapping[str, Any]],
    config: Path,
    *,
    known: Known = NOTHING_KNOWN,
    credentials: Mapping[str, Path] = _NO_FILES,
    descriptions: Descriptions | None = None,
) -> list[PluginRow]:
    """
    Those of a configuration, in its order.

    Args:
        tables: `[plugins.*]`.
        config: The TOML file, for error texts and relative paths.
        known: What the agent tells of them.
        credentials: Files that the agent's unit hands over, by the credential's name.
        descriptions: Of other agents' plugins, and from now on of these, too; `None`: nothing is known.
    """
    names, known_said = list(tables), descriptions or Descriptions()
    groups = [names[start : start + SIDE_BY_SIDE] for start in range(0, len(names), SIDE_BY_SIDE)]
    return [row for group in groups for row in _rows(group, tables, config, known, credentials, known_said)]


def _rows(
    names: Sequence[str],
    tables: Mapping[str, Mapping[str, Any]],
    config: Path,
    known: Known,
    credentials: Mapping[str, Path],
    descriptions: Descriptions,
) -> list[PluginRow]:
    with contextlib.ExitStack() as stack:
        asked = [(name, _ask(stack, name, tables[name], config, credentials, descriptions)) for name in names]
        return [
            _row(name, _said(found, name, config, descriptions), tables[name], known) for name, found in asked
        ]


def _ask(
    stack: contextlib.ExitStack,
    name: str,
    table: Mapping[str, Any],
    config: Path,
    credentials: Mapping[str, Path],
    descriptions: Descriptions,
) -> Inquiry | Described | PluginError:
    """All of a group are asked before any is waited for; a table that makes no sense, or is known, is not."""
    own = dict(table)
    try:
        spec = pop_isolation(name, own, config, files=credentials)
    except PluginError as exc:
        return exc
    if spec is None:
        texts = texts_for(own, credentials)
        spec = WorkerSpec(
            name=name,
            table=own,
            config=config.absolute(),
            import_timeout=IMPORT_SECONDS,
            credentials=texts,
        )
    return descriptions.of(spec) or stack.enter_context(Inquiry(spec, writes_bytecode=False))


def _said(
    found: Inquiry | Described | PluginError, name: str, config: Path, descriptions: Descriptions
) -> Described | PluginError:
    """What it says, or why it cannot be used."""
    if not isinstance(found, Inquiry):
        return found
    try:
        said = found.answer(where_of(name, config))
    except PluginError as exc:
        return exc
    descriptions.keep(found.spec, said)
    return said


def _row(name: str, said: Described | PluginError, table: Mapping[str, Any], known: Known) -> PluginRow:
    if isinstance(said, PluginError):
        return _refused(name, table, said)
    return PluginRow(
        name=name,
        version=said.version,
        origin=_origin(name, said, table),
        state=_state(said.plugin, known),
        is_isolated=table.get("isolation") == "process",
        handlers=_handlers(said),
        next_firings=next_firings(said, known.planned, now=time.time()),
    )


def _state(plugin: str, known: Known) -> State:
    if plugin in known.left_alone:
        return "left alone"
    return "loaded" if plugin in known.loaded else "ready"


def _refused(name: str, table: Mapping[str, Any], exc: PluginError) -> PluginRow:
    version, origin = _known_of(name, table)
    return PluginRow(
        name=name,
        version=version,
        origin=origin,
        state="refused",
        where=exc.where,
        problem=exc.problem,
        fix=exc.fix,
    )


def _known_of(name: str, table: Mapping[str, Any]) -> tuple[str, str]:
    """Version and origin of one that has said nothing."""
    if "path" in table:
        return "", str(table["path"])
    found = installed().get(name)
    distribution, version = found.distribution if found else ("", "")
    return version, distribution


def _origin(name: str, said: Described, table: Mapping[str, Any]) -> str:
    return said.origin if "path" in table else f"{said.origin} ({GROUP}: {name})"


def _handlers(said: Described) -> tuple[str, ...]:
    return tuple(f"{handler.id.partition('.')[2]}: {_heard(handler)}" for handler in said.handlers)


def _heard(handler: HandlerDescription) -> str:
    match handler.subscription:
        case MessageFilters() as filters:
            return _messages(filters, handler)
        case FramePattern(event_kind="frame", pattern=pattern):
            return f"frames {pattern}"
        case FramePattern(event_kind=kind):
            return _KINDS[kind]
        case TimerName(name=name) | QuestionName(name=name):
            return f"{_NOUNS[type(handler.subscription)]} {name}"
        case ScheduleText(schedule=schedule):
            return schedule
        case HookMoment(moment=moment):
            return f"the agent's {moment}"


def _messages(subscription: MessageFilters, handler: HandlerDescription) -> str:
    """With its filters, those that are not the defaults."""
    filters = [
        f"chat={subscription.chat}" if subscription.chat != "any" else "",
        "mention" if subscription.mention else "",
        f"sender={subscription.sender}" if subscription.sender != "any" else "",
        f"pattern={subscription.pattern!r}" if subscription.pattern is not None else "",
        "notifications" if subscription.notifications is True else "",
        f"quiet={handler.quiet:g}" if handler.quiet else "",
        f"interrupt={handler.interrupt!r}" if handler.interrupt is not None else "",
    ]
    noun = "notifications" if subscription.notifications == "only" else "messages"
    return " ".join([noun, *filter(None, filters)])
