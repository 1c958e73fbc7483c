"""Where an endpoint is: nothing in an id means anything there (contract 1.6)."""

from __future__ import annotations

import functools
from urllib.parse import quote


def chat_path(chat_id: str, *segments: str) -> str:
    """A path below a chat; nothing in an id is left unescaped (contract 1.6)."""
    return "/api/chats/" + "/".join(path_segment(segment) for segment in (chat_id, *segments))


@functools.lru_cache(maxsize=512)
def path_segment(text: str) -> str:
    """A piece of a path, with nothing left in it that means something; dots alone would walk up the path."""
    return quote(text, safe="") if text.strip(".") else text.replace(".", "%2E")
