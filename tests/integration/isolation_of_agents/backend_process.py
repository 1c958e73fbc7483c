"""A backend in a process of its own, so that what is measured shares no interpreter with it."""

from __future__ import annotations

import contextlib
import multiprocessing
import operator
import os
import signal
import threading

from mycel_runtime.backend.server import LocalBackend

DEADLINE = 60.0


class BackendProcess:
    """
    Does what a `LocalBackend` is told, from any thread.

    Attributes:
        base_url: Of the backend.
        pid: Of its process.
    """

    def __init__(self):
        self._port, its = multiprocessing.Pipe()
        self._process = multiprocessing.get_context("spawn").Process(target=_obey, args=(its,), daemon=True)
        self._one_at_a_time = threading.Lock()

    def __enter__(self):
        self._process.start()
        self.pid = self._process.pid
        self.base_url = self._answer()
        return self

    def __exit__(self, *_):
        self.go_on()
        self._process.kill()
        self._process.join()
        self._process.close()
        self._port.close()

    def do(self, method, *args, **kwargs):
        """Call a method of the backend, for example `faults.refuse`; what it returns."""
        with self._one_at_a_time:
            self._port.send((method, args, kwargs))
            answer = self._answer()
        if isinstance(answer, Exception):
            raise answer
        return answer

    def hang(self):
        """It takes connections, as its system does, and answers nothing."""
        os.kill(self.pid, signal.SIGSTOP)

    def go_on(self):
        """After `hang`."""
        os.kill(self.pid, signal.SIGCONT)

    def _answer(self):
        assert self._port.poll(DEADLINE), "the backend's process does not answer"
        return self._port.recv()


def _obey(port):
    with LocalBackend() as backend, contextlib.suppress(EOFError):
        port.send(backend.base_url)
        while True:
            method, args, kwargs = port.recv()
            try:
                port.send(operator.attrgetter(method)(backend)(*args, **kwargs))
            except Exception as exc:  # noqa: BLE001 - whatever it is, whoever asked is told
                port.send(RuntimeError(f"{method}: {exc!r}"))
