"""Numbers of the protocol, each with its unit and source."""

from __future__ import annotations

from typing import Final

RING_FRAMES: Final = 256
"""Frames that the server can replay. Source: Q3."""

LARGEST_SEQ: Final = 2**53 - 1
"""A larger integer is no number of anything: not every JSON reader keeps it exactly."""

PAGE_MESSAGES: Final = 200
"""Messages of the largest page. Source: contract 1.5."""

PING_INTERVAL_SECONDS: Final = 20.0
"""Both sides ping this often. Source: Q17."""

PING_TIMEOUT_SECONDS: Final = 20.0
"""A ping without a pong for this long ends the connection. Source: Q17."""

CLOSE_TIMEOUT_SECONDS: Final = 1.0
"""A dead peer does not answer the close either; added to the two above before a half-open end is seen."""

FRAME_BYTES: Final = 1024 * 1024
"""The largest frame we accept. Source: the same bound is assumed for requests (contract 1.1)."""
