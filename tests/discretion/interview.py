"""Everything that a daemon at work answers on its control sockets, asked for before it is stopped."""

from __future__ import annotations

import contextlib
from typing import Final

import httpx

from mycel_runtime.daemon.control import require_listener, short_address
from mycel_runtime.daemon.state_dir import SOCKET_NAME
from tests.discretion.command_line import agents_of
from tests.discretion.heard import hear

ADDRESSES: Final = ("/livez", "/readyz", "/status", "/metrics", "/dump", "/nothing")

SECONDS: Final = 5.0
"""For one answer: a daemon that a test has stopped at work gives none."""


def interview(arguments):
    """
    Hear what the daemon of this command line answers.

    One that does not answer, as some tests want it, is left in peace.
    """
    for file, tables in agents_of(arguments):
        state = file.parent / str(tables.get("agent", {}).get("state_dir", "state"))
        with (
            contextlib.suppress(OSError, httpx.TransportError),
            short_address(state / SOCKET_NAME) as address,
        ):
            require_listener(address)  # or httpx would leave a socket open that nobody answers on
            _ask(address)


def _ask(address):
    with (
        httpx.HTTPTransport(uds=address) as transport,
        httpx.Client(transport=transport, base_url="http://control", timeout=SECONDS) as client,
    ):
        for path in ADDRESSES:
            answer = client.get(path)
            hear(f"{path} ({answer.status_code})", answer.content + repr(answer.headers).encode())
