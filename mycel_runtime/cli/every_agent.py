"""What a command does to each agent of a folder: what is wrong with one hides no other."""

from __future__ import annotations

import contextlib
import queue
import threading
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar

import click

from mycel_runtime.cli.failure import EXIT_USAGE
from mycel_runtime.cli.target import running_target_of
from mycel_runtime.daemon.agents import config_files
from mycel_runtime.errors import MycelError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from mycel_runtime.cli.target import Target

T = TypeVar("T")

ASKED_AT_ONCE: Final = 100
"""Agents that are waited for at a time, each by a thread of its own; the next is asked when one has answered."""


class NothingToDoError(click.ClickException):
    """It is as it was to be: a mistake of who means one agent, and none where others had something to be done."""


def each_agent(
    config: Path, act: Callable[[Target], int], find: Callable[[Path], Target] = running_target_of
) -> int:
    """
    Do something to the agent of a file, or to those of a folder, one after the other.

    Args:
        config: File or folder.
        act: Does and tells it; returns an exit code.
        find: The agent of a file; `target_of` where more is done than asking its daemon.

    Returns:
        The greatest exit code.

    Raises:
        ConfigError: The folder has no file.
        MycelError, ClickException: Of a single file, whatever `act` raises; of a folder that is a line for each.
    """
    if not config.is_dir():
        return act(find(config))
    return _worst([_code_of(path, partial(_act_on, path, act, find)) for path in config_files([config])])


def each_agent_at_once(config: Path, ask: Callable[[Target], T], tell: Callable[[Target, T], int]) -> int:
    """
    As `each_agent`, where an answer may take minutes: a hundred are asked at a time, and told as they answer.

    Args:
        config: File or folder.
        ask: Called in another thread.
        tell: Called here.
    """
    if not config.is_dir():
        target = running_target_of(config)
        return tell(target, ask(target))
    files = config_files([config])
    unasked: queue.SimpleQueue[Path] = queue.SimpleQueue()
    for path in files:
        unasked.put(path)
    answers: queue.SimpleQueue[tuple[Path, Callable[[], int]]] = queue.SimpleQueue()

    def answer_of(path: Path) -> Callable[[], int]:
        try:
            target = running_target_of(path)
            return partial(tell, target, ask(target))
        except Exception as exc:  # noqa: BLE001 - raised again where it is told
            return _raiser(exc)

    def wait() -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                path = unasked.get_nowait()
                answers.put((path, answer_of(path)))

    for number in range(min(len(files), ASKED_AT_ONCE)):
        # Nobody waits for them at Ctrl-C: what was ordered goes on in the daemons.
        threading.Thread(target=wait, name=f"asker {number}", daemon=True).start()
    return _worst([_code_of(*answers.get()) for _ in files])


def name_before(config: Path, target: Target) -> str:
    """What a line about one agent of a folder begins with; empty for a single file."""
    return f"{target.name}: " if config.is_dir() else ""


def _act_on(path: Path, act: Callable[[Target], int], find: Callable[[Path], Target]) -> int:
    return act(find(path))


def _raiser(exc: Exception) -> Callable[[], int]:
    def fail() -> int:
        raise exc

    return fail


def _code_of(path: Path, act: Callable[[], int]) -> int | None:
    """The exit code of one; `None`: there was nothing to do."""
    try:
        return act()
    except NothingToDoError as exc:
        click.echo(f"{path.stem}: {exc.format_message()}", err=True)
        return None
    except click.ClickException as exc:
        click.echo(f"{path.stem}: {exc.format_message()}", err=True)
        return EXIT_USAGE
    except MycelError as exc:
        click.echo(f"{path.stem}: {exc}", err=True)
        return exc.exit_code


def _worst(codes: list[int | None]) -> int:
    """Nothing to do for anybody is a mistake, too."""
    return max((code for code in codes if code is not None), default=EXIT_USAGE)
