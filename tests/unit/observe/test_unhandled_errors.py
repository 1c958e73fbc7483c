"""What is raised where nobody awaits it is told by type and place."""

from __future__ import annotations

import asyncio
import sys
import threading

import pytest

from mycel_runtime.observe.observer import Observer
from mycel_runtime.observe.unhandled_errors import watch_tasks, watch_threads

SECRET = "the text of a message"


class Memory(Observer):
    """Remembers facts."""

    def __init__(self):
        self.facts = []

    def tell(self, fact):
        self.facts.append(fact)


@pytest.fixture
def memory(monkeypatch):
    """The process's hooks are put back afterwards."""
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)
    told = Memory()
    watch_threads(told)
    return told


def told_of(function, memory):
    thread = threading.Thread(target=function)
    thread.start()
    thread.join(60)
    return [(fact.kind, fact.error) for fact in memory.facts]


def test_a_thread_that_raises_is_told_without_what_it_said(memory, capsys):
    def failing():
        raise ValueError(SECRET)

    assert told_of(failing, memory) == [("thread", "ValueError")]
    assert memory.facts[0].trace.endswith("in failing")
    assert SECRET not in repr(memory.facts) + "".join(capsys.readouterr())


def test_a_thread_that_exits_is_no_failure(memory):
    assert told_of(sys.exit, memory) == []


def test_a_finalizer_that_raises_is_told_without_what_it_said(memory, capsys):
    class Failing:
        def __del__(self):
            raise ValueError(SECRET)

    Failing()

    assert [(fact.kind, fact.error) for fact in memory.facts] == [("finalizer", "ValueError")]
    assert SECRET not in repr(memory.facts) + "".join(capsys.readouterr())


async def test_a_callback_is_told_without_its_arguments(caplog):
    memory, ended = Memory(), asyncio.Event()
    watch_tasks(memory)
    loop = asyncio.get_running_loop()

    loop.call_soon({}.__getitem__, SECRET)
    loop.call_soon(ended.set)
    async with asyncio.timeout(60):
        await ended.wait()

    assert [(fact.kind, fact.error) for fact in memory.facts] == [("task", "KeyError")]
    assert SECRET not in repr(memory.facts) + caplog.text


async def test_a_task_that_never_ended_is_told_by_where_it_begins():
    memory = Memory()
    watch_tasks(memory)

    async def endless():
        await asyncio.Event().wait()

    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(endless())
        asyncio.get_running_loop().call_exception_handler({"message": SECRET, "task": task})
        task.cancel()

    (fact,) = memory.facts
    assert (fact.error, fact.trace.startswith("test_unhandled_errors.py:")) == ("", True)
    assert fact.trace.endswith("in endless")
