"""Memory that was freed goes back to the system, once for all who have freed it."""

from __future__ import annotations

import threading

from mycel_runtime.freed_memory import FreedMemory

DEADLINE = 60.0


class Trims:
    """Stands in for the C library's call."""

    def __init__(self):
        self.times = 0
        self.made = threading.Event()

    def __call__(self, _pad):
        self.times += 1
        self.made.set()


def memory(trims, pause_seconds=0.2):
    freed = FreedMemory(pause_seconds)
    freed._trim = trims
    return freed


def test_many_notes_are_one_call():
    trims = Trims()
    freed = memory(trims)
    for _ in range(100):
        freed.note()

    assert trims.made.wait(DEADLINE)
    assert trims.times == 1


def test_what_is_freed_later_is_given_back_too():
    trims = Trims()
    freed = memory(trims, pause_seconds=0.0)
    for times in (1, 2):
        freed.note()
        assert trims.made.wait(DEADLINE)
        assert trims.times == times
        trims.made.clear()


def test_a_system_without_such_a_call_is_left_alone():
    freed = memory(None)
    before = set(threading.enumerate())
    freed.note()

    assert set(threading.enumerate()) <= before


def test_the_c_librarys_own_call_is_made():
    done = threading.Event()
    freed = FreedMemory(0.0)
    trim = freed._trim
    freed._trim = lambda pad: (trim and trim(pad), done.set())
    freed.note()

    assert done.wait(DEADLINE)
