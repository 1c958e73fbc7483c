"""Whether something has come on a socket that nobody has read: on an idle connection of calls that is a goodbye."""

from __future__ import annotations

import select


def is_readable(fileno: int) -> bool:
    """
    Also of what no loop has looked at yet.

    Args:
        fileno: The socket's; of one that is closed it is negative, and its end can be read.
    """
    if fileno < 0:
        return True
    poll = select.poll()
    poll.register(fileno, select.POLLIN)
    return bool(poll.poll(0))
