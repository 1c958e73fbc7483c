"""
A script of faults with times, for tests that run for long: one JSON object per line.

    {"at": 10.0, "fault": "drop_streams"}
    {"at": 12.5, "fault": "lose_answer", "nth": 3}
"""

from __future__ import annotations

import functools
import inspect
import json
import re
import typing
from dataclasses import field
from typing import TYPE_CHECKING, Any, Final

import pydantic

from mycel_runtime.backend.faults import Faults
from mycel_runtime.errors import ConfigError
from mycel_runtime.lazy_dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Sequence

FAULTS: Final = (
    "blast",
    "clear",
    "conflict_once",
    "delay",
    "drop_request",
    "drop_streams",
    "duplicate_frames",
    "expire_token",
    "fail_delivery",
    "half_open_streams",
    "hold_message",
    "interject",
    "lose_answer",
    "lose_answer_and_history",
    "lose_insert",
    "refuse",
    "remove_user",
    "reorder_frames",
    "restart",
    "revoke_token",
    "send_raw",
    "spoil_queue",
    "swallow_wakes",
)
"""What may be ordered by name: methods of `Faults`."""


@dataclass(frozen=True, slots=True)
class Step:
    """A fault, so many seconds after the script began."""

    at_seconds: float
    fault: str
    arguments: dict[str, Any] = field(repr=False)


def order(faults: Faults, name: str, arguments: dict[str, Any]) -> None:
    """
    Order a fault by its name.

    Raises:
        ConfigError: No such fault, or arguments that it does not take.
    """
    check(name, arguments)
    getattr(faults, name)(**arguments)


def play(faults: Faults, steps: Sequence[Step]) -> None:
    """Let a script begin now."""
    for step in steps:
        faults.at(step.at_seconds, functools.partial(order, faults, step.fault, step.arguments))


def check(name: str, arguments: dict[str, Any]) -> None:
    """
    Whether a fault takes these arguments.

    Raises:
        ConfigError: It does not.
    """
    if name not in FAULTS:
        raise ConfigError(f"no such fault: {name}", fix=f"There are: {', '.join(FAULTS)}.")
    signature = inspect.signature(getattr(Faults, name))
    try:
        signature.bind(None, **arguments)
    except TypeError as exc:
        told = ", ".join(str(parameter) for parameter in list(signature.parameters.values())[1:])
        raise ConfigError(f"{name}: {exc}", fix=f"It takes: {told or 'nothing'}.") from exc
    hints = typing.get_type_hints(getattr(Faults, name))
    for key, value in arguments.items():
        _check_value(name, key, value, hints[key])


def _check_value(name: str, key: str, value: object, hint: Any) -> None:
    """Here and not at the request that it would hit, whose client would be told."""
    try:
        pydantic.TypeAdapter(hint).validate_python(value, strict=not isinstance(value, int))
        if key == "path":
            re.compile(str(value))
    except pydantic.ValidationError as exc:
        raise ConfigError(f"{name}: {key}: {exc.errors()[0]['msg']}") from exc
    except re.error as exc:
        raise ConfigError(f"{name}: {key}: {exc}", fix="It is a regular expression.") from exc


def parse(text: str, where: str = "") -> list[Step]:
    """
    A script from its text.

    Raises:
        ConfigError: A line is no step; names the line.
    """
    steps = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            steps.append(_parse_line(line, f"{where}:{number}"))
    return steps


def _parse_line(line: str, where: str) -> Step:
    try:
        arguments = json.loads(line)
        step = Step(float(arguments.pop("at")), str(arguments.pop("fault")), arguments)
    except (ValueError, TypeError, AttributeError, KeyError) as exc:
        fix = 'A line is {"at": seconds, "fault": name, and its arguments}.'
        raise ConfigError("this line is no step of a script", where=where, fix=fix) from exc
    try:
        check(step.fault, step.arguments)
    except ConfigError as exc:
        raise ConfigError(exc.problem, where=where, fix=exc.fix) from exc
    return step
