"""How what is to rest, or rests, is told to a daemon, be it that it has not begun to work, or else to its journal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from mycel_runtime.daemon.pausing import UNKNOWN, pause_at_rest, resume_at_rest
from mycel_runtime.errors import NoDaemonError
from mycel_runtime.settings import load_settings

if TYPE_CHECKING:
    from mycel_runtime.cli.target import Target

_ANSWER_SECONDS: Final = 10.0


def pause_by(target: Target, kind: str, name: str) -> tuple[str, bool]:
    """
    As `Admin.pause`, by the daemon or without it: what became of it, and whether the agent knows of such a chat.

    Raises:
        MycelError: Neither can do it.
    """
    try:
        answer = target.ask("pause", kind=kind, name=name)
    except NoDaemonError as exc:
        if kind == "plugin" and name not in load_settings(target.config).plugins:
            return UNKNOWN, True
        if exc.is_running:
            return _ordered(target, "pause", exc, kind=kind, name=name)["paused"], True
        target.require_place()
        return target.at_rest(exc, lambda: pause_at_rest(target.engine, target.state_dir, kind, name)), True
    return answer["paused"], answer["is_heard"]


def resume_by(target: Target, name: str, kind: str) -> str:
    """
    As `Admin.resume`, by the daemon or without it.

    Raises:
        MycelError: Neither can do it.
    """
    try:
        return str(target.ask("resume", name=name, kind=kind))
    except NoDaemonError as exc:
        if exc.is_running:
            return str(_ordered(target, "resume", exc, name=name, kind=kind)["resumed"])
        return target.at_rest(exc, lambda: resume_at_rest(target.engine, name, kind))


def _ordered(target: Target, order: str, why: NoDaemonError, **arguments: str) -> dict[str, Any]:
    """
    What a daemon answers that has not begun to work.

    Raises:
        NoDaemonError: `why`: it begins just now, and is to be asked again.
        ControlError: It does not answer as expected.
    """
    answer = target.order(order, within=_ANSWER_SECONDS, **arguments)
    if answer.get("paused") == "" or answer.get("resumed", "") is None:
        raise why
    return answer
