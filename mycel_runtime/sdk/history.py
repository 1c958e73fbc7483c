"""Walking back through a chat, page by page. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

from mycel_runtime.errors import InvalidResponseError
from mycel_runtime.wire.limits import PAGE_MESSAGES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mycel_runtime.wire.resources import Message


class Page(TypedDict):
    """Arguments of `messages.list`."""

    limit: int
    before: str | None


class Walk:
    """
    From newer to older messages.

    Ends at an empty page or at `max_messages`; a short page proves nothing (contract 1.5).

    Args:
        page_size: 1 … 200.
        max_messages: At least 1; `None` for all.
        before: A seq as text, exclusive; `None` for the newest.

    Raises:
        ValueError: An argument is out of range; with the texts of the reference SDK.
    """

    def __init__(self, *, page_size: int, max_messages: int | None, before: str | None) -> None:
        if not 1 <= page_size <= PAGE_MESSAGES:
            raise ValueError(f"page_size must be between 1 and {PAGE_MESSAGES}")
        if max_messages is not None and max_messages < 1:
            raise ValueError("max_messages must be at least 1")
        self._page_size = page_size
        self._left = max_messages
        self._before = before

    @property
    def is_done(self) -> bool:
        """Whether `max_messages` have been taken."""
        return self._left == 0

    @property
    def next_page(self) -> Page:
        """What to ask for."""
        limit = self._page_size if self._left is None else min(self._page_size, self._left)
        return {"limit": limit, "before": self._before}

    def take(self, page: Sequence[Message]) -> Sequence[Message]:
        """
        The page's messages that are wanted, newest first.

        Args:
            page: As it came: not empty, ascending.

        Raises:
            InvalidResponseError: The page does not lead on to older ones.
        """
        self._before = older_cursor(page, self._before)
        wanted = page[::-1] if self._left is None else page[::-1][: self._left]
        if self._left is not None:
            self._left -= len(wanted)
        return wanted


def older_cursor(page: Sequence[Message], before: str | None) -> str:
    """
    The cursor of the next older page.

    Args:
        page: As it came: not empty, ascending.
        before: The cursor that it was asked with.

    Raises:
        InvalidResponseError: The page does not lead on: asking with its cursor would go on for ever.
    """
    try:
        seq = page[0]["seq"]
    except (KeyError, TypeError) as exc:
        raise InvalidResponseError(200, "a message in a page has no seq") from exc
    if not isinstance(seq, int):
        raise InvalidResponseError(200, "a message in a page has no seq")
    if before is not None and before.isdecimal() and seq >= int(before):
        raise InvalidResponseError(200, f"the page before seq {before} does not begin before it")
    return str(seq)
