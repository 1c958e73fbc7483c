"""Brings a fault about, and requires that its beginning and its end are told everywhere."""

from __future__ import annotations

import time

from mycel_runtime.cli.status_lines import lines_of

INTERVAL = 30.0
"""As `[inbox] reconcile_interval` is by default; here it is half a second, but the machine may be busy."""


def require_told(world, fault):
    """
    Of one fault: `status` in its both forms, the metric, `/readyz`; and that all of these are as before at the end.

    Returns:
        Seconds until it was told, and from its end until that was told.
    """
    assert not fault.is_told(world.status()), f"{fault.name} is told before it is there"
    before = world.metric(fault.metric) if fault.metric else 0.0
    with fault.of(world):
        told = _await_none(fault, world, lambda: list(_untold(world, fault, before)))
    return told, _await_none(fault, world, lambda: list(_left(world, fault, before)))


def _await_none(fault, world, wrongs):
    """Seconds until nothing is wrong any more."""
    began = time.monotonic()
    while found := wrongs():
        if time.monotonic() - began > INTERVAL:
            shown = "\n".join(lines_of(world.status()))
            raise AssertionError(f"{fault.name}: {'; '.join(found)}\n{shown}\n{world.readyz()}")
        time.sleep(0.02)
    return time.monotonic() - began


def _untold(world, fault, before):
    """By whom the fault is not told; all are to tell it at a time."""
    now = world.status()
    if not fault.is_told(now):
        yield "`/status` does not tell it"
        return  # and the others are not asked yet
    if not _is_shown(fault, now):
        yield "`status` does not show it"
    if fault.metric and not world.metric(fault.metric) > before:
        yield "its metric does not tell it"
    code, problems = world.readyz()
    if (code, fault.unready in problems) != (503 if fault.unready else 200, True):
        yield f"`/readyz` answers {code}, {problems}"


def _left(world, fault, before):
    """Who still tells it, or what is not as it was."""
    now = world.status()
    if fault.is_told(now):
        yield "`/status` tells it still"
        return
    if _is_shown(fault, now):
        yield "`status` shows it still"
    if fault.metric and not fault.is_counted and world.metric(fault.metric) > before:
        yield "its metric tells it still"
    if world.readyz()[0] != 200:
        yield "`/readyz` is not 200"
    if now.work.due or now.work.running:
        yield "there is work left"


def _is_shown(fault, now):
    return any(fault.words in line for line in lines_of(now))
