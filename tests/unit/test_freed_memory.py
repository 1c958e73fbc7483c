"""Memory that was freed goes back to the system, once for all who have freed it."""

from __future__ import annotations

import ctypes
import gc
import os
import re
import subprocess
import sys
import threading
import weakref

import pytest

from mycel_runtime.freed_memory import FreedMemory

DEADLINE = 60.0

COUNT_HEAPS = """
import ctypes, sys, threading
from mycel_runtime.freed_memory import share_one_heap

if sys.argv[1] == "shared":
    share_one_heap()
library = ctypes.CDLL(None)
library.malloc.restype = ctypes.c_void_p
allocated = threading.Barrier(9)

def allocate():
    library.malloc(100_000)
    allocated.wait(60)

for _ in range(8):
    threading.Thread(target=allocate).start()
allocated.wait(60)
library.fdopen.restype = ctypes.c_void_p
library.malloc_info(0, ctypes.c_void_p(library.fdopen(1, b"w")))
library.fflush(None)
"""
"""Tells the heaps of a process after each of its eight threads has allocated."""


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


class Linked:
    """Refers to itself."""

    def __init__(self):
        self.me = self


def test_garbage_that_refers_to_itself_is_freed_before_memory_is_given_back():
    gc.collect()
    gc.disable()
    try:
        garbage, found, made = weakref.ref(Linked()), [], threading.Event()
        freed = memory(lambda _pad: (found.append(garbage()), made.set()), pause_seconds=0.0)
        assert garbage() is not None
        freed.note()
        assert made.wait(DEADLINE)
    finally:
        gc.enable()

    assert found == [None]


def heaps(how, **environment):
    told = subprocess.run(
        [sys.executable, "-c", COUNT_HEAPS, how],
        env={key: value for key, value in os.environ.items() if key != "MALLOC_ARENA_MAX"} | environment,
        capture_output=True,
        check=True,
        text=True,
        timeout=DEADLINE,
    ).stdout
    return len(re.findall("<heap ", told))


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_info"), reason="another C library")
def test_threads_that_share_a_heap_make_none():
    assert heaps("apart") > 1
    assert heaps("shared") == 1


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_info"), reason="another C library")
def test_who_has_set_how_many_heaps_there_are_knows_better():
    assert heaps("shared", MALLOC_ARENA_MAX="3") == 3
