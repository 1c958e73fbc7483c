"""The daemons of a folder's other agents, asked about one that does not live: it would be in their process."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Any, Final

from mycel_runtime.cli.target import running_target_of
from mycel_runtime.daemon.agents import config_files
from mycel_runtime.daemon.control import give_order
from mycel_runtime.daemon.joining import JOIN_SECONDS
from mycel_runtime.errors import ConfigError, ControlError, NoDaemonError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mycel_runtime.cli.target import Target

_PART_SECONDS: Final = 3600.0
"""For drains, which end by the time that their agents' files give them."""


class Neighbours:
    """
    For one command about many agents: no process is asked twice about the same, and none again that does not answer.

    May be used in several threads.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._unasked: dict[Path, list[Path]] = {}
        self._speakers: dict[Path, list[Path]] = {}
        self._heard = set[str]()

    def have_part(self, folder: Path) -> Iterator[str]:
        """
        Have the agents leave whose files have gone from a folder.

        Yields:
            Names of those that have.
        """
        for said in self._answers(folder.absolute(), "part", within=_PART_SECONDS):
            yield from said["left"]

    def have_join(self, target: Target) -> dict[str, Any] | None:
        """
        Have an agent join its neighbours.

        Returns:
            `refused`: Why it does not live; `joined`: Whether it does. `None`: that is for none of them to do.
        """
        config = target.config.absolute()
        for said in self._answers(config.parent, "join", config=str(config)):
            if said["is_tried"]:
                return {"refused": said["refused"], "joined": not said["refused"]}
        return None

    def why_away(self, target: Target) -> ConfigError | NoDaemonError | None:
        """What keeps an agent from living with its neighbours, as their process knows; `None`: it does not."""
        config = target.config.absolute()
        for said in self._answers(config.parent, "why_away", config=str(config)):
            if said["is_refused"]:
                return ConfigError(said["problem"], where=said["where"], fix=said["fix"])
            if said["problem"]:
                fix = f"Mend that, then: mycel-runtime reload --config '{target.config}'"
                return NoDaemonError(f"{target.name} has ended: {said['problem']}", fix=fix)
        return None

    def _answers(
        self, folder: Path, order: str, *, within: float = 3 * JOIN_SECONDS, **arguments: str
    ) -> Iterator[dict[str, Any]]:
        """Of each process that answers, once; those that have answered before come first."""
        with self._lock:
            known = list(self._speakers.setdefault(folder, []))
            unasked = self._unasked.setdefault(folder, config_files([folder])[::-1])
        for state_dir in known:
            with contextlib.suppress(ControlError):
                yield give_order(state_dir, order, within=within, **arguments)
        while (path := self._next(unasked)) is not None:
            with contextlib.suppress(ConfigError, ControlError):
                state_dir = running_target_of(path).state_dir
                said = give_order(state_dir, order, within=within, **arguments)
                self._note(folder, state_dir, said)
                yield said

    def _next(self, unasked: list[Path]) -> Path | None:
        with self._lock:
            return unasked.pop() if unasked else None

    def _note(self, folder: Path, state_dir: Path, said: dict[str, Any]) -> None:
        """All agents of a process would say the same."""
        files = set(said.get("files", ()))
        with self._lock:
            if not files & self._heard:
                self._speakers[folder].append(state_dir)
            self._heard |= files
            self._unasked[folder][:] = [each for each in self._unasked[folder] if str(each) not in files]
