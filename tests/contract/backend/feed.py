"""A plain WebSocket client, and its patience."""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from typing import Final

from websockets.sync.client import connect

SUBSCRIBE: Final = "/api/runtime/inbox/subscribe"
PATIENCE: Final = 60.0
QUIET: Final = 0.2
"""How long nothing must come to count as nothing, in seconds."""


@contextmanager
def subscription(town, somebody, *, since_seq=None):
    """An open socket; a resume that was sent has been read when the body begins."""
    address = town.backend.base_url.replace("http", "ws") + SUBSCRIBE
    headers = {"Authorization": f"Bearer {somebody.token}"}
    with connect(address, additional_headers=headers, compression=None, close_timeout=1) as socket:
        if since_seq is not None:
            resume(socket, since_seq)
        yield socket


def resume(socket, since_seq):
    """A wake in the very tick of a resume is lost (Q14): the answered ping says that it has been read."""
    socket.send(json.dumps({"type": "resume", "since_seq": since_seq}))
    if isinstance(since_seq, int):
        socket.ping().wait(PATIENCE)


def heard(socket, seconds=PATIENCE):
    """The next frame."""
    return json.loads(socket.recv(timeout=seconds))


def hears(socket, *, soon):
    """Whether a frame comes; where none is expected (not `soon`), silence is waited for but a moment."""
    try:
        heard(socket, PATIENCE if soon else QUIET)
    except TimeoutError:
        return False
    return True


def inbox(town, somebody):
    """What the backend knows of somebody's inbox."""
    return next(row for row in town.backend.ask("inboxes") if row["user_id"] == somebody.id)


def becomes(town, somebody, key, value, *, soon=True):
    """Whether something of an inbox comes to be so."""
    deadline = time.monotonic() + (PATIENCE if soon else QUIET)
    while inbox(town, somebody)[key] != value:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True
