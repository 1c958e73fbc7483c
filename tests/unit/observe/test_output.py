"""Standard output and error take what they are given at once, and keep whole lines of it."""

from __future__ import annotations

import os
import select
import socket
import threading

import pytest

from mycel_runtime.observe.output import BoundedWriter

DEADLINE = 60.0


@pytest.fixture
def pipe():
    """A pipe that nobody reads until the test does."""
    reading, writing = os.pipe()
    yield reading, writing
    os.close(reading)
    os.close(writing)


def fill(descriptor):
    os.set_blocking(descriptor, False)
    filled = 0
    while True:
        try:
            filled += os.write(descriptor, b"x" * 4096)
        except BlockingIOError:
            os.set_blocking(descriptor, True)
            return filled


def read_until(descriptor, end):
    text = b""
    while not text.endswith(end):
        text += os.read(descriptor, 65_536)
    return text


def test_what_does_not_fit_is_dropped_in_whole_lines_and_counted(pipe):
    reading, writing = pipe
    filled, told = fill(writing), []
    writer = BoundedWriter(writing, on_dropped=told.append, limit=10)

    for part in (b"one\n", b"beg", b"inning and end\n", b"a long line", b" and its end\n"):
        writer.write(part)
    text = read_until(reading, b"beg")
    writer.drain(DEADLINE)
    writer.write(b"last\n")
    text += read_until(reading, b"last\n")

    assert text[filled:] == b"one\nbeg\nlast\n"
    assert (writer.dropped, told) == (2, [2])


def test_who_is_told_of_lost_lines_and_raises_loses_no_more(pipe):
    reading, writing = pipe
    filled = fill(writing)

    def fail(_lines):
        raise RuntimeError("a processor that a plugin has configured")

    writer = BoundedWriter(writing, on_dropped=fail, limit=10)
    writer.write(b"one\n")
    writer.write(b"a line that does not fit\n")
    text = read_until(reading, b"one\n")
    writer.drain(DEADLINE)
    writer.write(b"two\n")
    writer.drain(DEADLINE)

    assert text[filled:] == b"one\n"
    os.set_blocking(reading, False)
    assert os.read(reading, 100) == b"two\n"


def test_where_no_thread_can_be_started_the_lines_wait_for_one(pipe, monkeypatch):
    def fail(_thread):
        raise RuntimeError("can't start new thread")

    writer = BoundedWriter(pipe[1])
    with monkeypatch.context() as limited:
        limited.setattr(threading.Thread, "start", fail)
        writer.write(b"one\n")
    writer.write(b"two\n")
    writer.drain(DEADLINE)

    assert read_until(pipe[0], b"two\n") == b"one\ntwo\n"


def test_a_descriptor_that_fails_raises_nothing():
    reading, writing = os.pipe()
    os.close(reading)
    writer = BoundedWriter(writing)

    writer.write(b"one\ntwo\n")
    writer.drain(DEADLINE)

    assert writer.dropped == 2
    os.close(writing)


def test_what_follows_a_write_waits_for_more_but_not_if_much_waits_or_somebody_drains():
    """A datagram is a write."""
    reading, writing = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with reading, writing:
        reading.settimeout(DEADLINE)
        writer = BoundedWriter(writing.fileno(), limit=1_000, gathering=10 * DEADLINE)

        writer.write(b"after silence\n")
        assert reading.recv(1_000) == b"after silence\n"
        writer.write(b"one\n")
        assert select.select([reading], [], [], 0.2)[0] == []
        writer.write(much := b"x" * 250 + b"\n")
        assert reading.recv(1_000) == b"one\n" + much
        writer.write(b"two\n")
        writer.drain(DEADLINE)
        assert reading.recv(1_000) == b"two\n"


def test_a_non_blocking_descriptor_is_waited_for(pipe):
    reading, writing = pipe
    filled = fill(writing)
    os.set_blocking(writing, False)
    writer = BoundedWriter(writing)

    writer.write(b"one\n")
    assert read_until(reading, b"one\n")[filled:] == b"one\n"
    assert writer.dropped == 0


def test_a_child_writes_by_itself(pipe):
    reading, writing = pipe
    writer = BoundedWriter(writing)
    writer.write(b"parent\n")
    writer.drain(DEADLINE)
    if (child := os.fork()) == 0:
        writer.write(b"child\n")
        os._exit(0)
    os.waitpid(child, 0)

    assert read_until(reading, b"child\n") == b"parent\nchild\n"
