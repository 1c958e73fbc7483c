"""Arguments that no backend can take, told without asking one. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mycel_runtime.errors import ArgumentError
from mycel_runtime.wire.limits import LARGEST_SEQ, PAGE_MESSAGES


def require_storable(text: Any, what: str) -> None:
    """
    Refuse what the server can only fail at: it answers a plain 500, and a number of the chat is lost (Q54).

    Args:
        text: To be sent.
        what: What it is, for the error; the text itself is never quoted.

    Raises:
        ArgumentError: It is no text, or holds a NUL or half of a surrogate pair.

    Source: contract 10, row 14.
    """
    if not isinstance(text, str):
        raise ArgumentError(f"{what} is {type(text).__name__}, not a text", fix="Give a str.")
    if (place := text.find("\0")) >= 0:
        raise ArgumentError(
            f"{what} holds a NUL, at character {place}", fix=r"Take it out: text.replace('\0', '')."
        )
    if text.isascii():
        return
    try:
        text.encode()
    except UnicodeEncodeError as exc:
        raise ArgumentError(
            f"{what} holds half of a surrogate pair, at character {exc.start}, which is no text in any encoding",
            fix="Decode what it came from by its own encoding, or: text.encode('utf-8', 'replace').decode().",
        ) from None


def require_sayable(text: Any, what: str) -> None:
    """
    As `require_storable`, and not blank.

    Raises:
        ArgumentError: It cannot be said.

    Source: contract 2.6: "Content cannot be empty", after stripping.
    """
    require_storable(text, what)
    if not text.strip():
        raise ArgumentError(f"{what} is blank", fix="Say something, or do not reply.")


def require_mentions(mentions: Any) -> None:
    """
    Refuse what is no list of user ids.

    Raises:
        ArgumentError: It is a single text, or holds what cannot be an id.
    """
    if isinstance(mentions, str) or not isinstance(mentions, Iterable):
        raise ArgumentError(
            f"mentions are {type(mentions).__name__}, not a list", fix="Give a list of user ids."
        )
    for mention in mentions:
        require_storable(mention, "a mention")


def require_page(limit: Any, what: str) -> None:
    """
    Refuse a number of messages that no page holds.

    Raises:
        ArgumentError: It is no whole number, or out of range.

    Source: contract 1.5.
    """
    if isinstance(limit, bool) or not isinstance(limit, int) or not 1 <= limit <= PAGE_MESSAGES:
        raise ArgumentError(
            f"{what} is not a whole number of messages from 1 to {PAGE_MESSAGES}", fix="Ask for fewer."
        )


def require_place(seq: Any, what: str) -> None:
    """
    Refuse what is no message's number: the server fails at it (Q31).

    Raises:
        ArgumentError: It is no whole number, or out of range.
    """
    if isinstance(seq, bool) or not isinstance(seq, int) or not 1 <= seq <= LARGEST_SEQ:
        raise ArgumentError(f"{what} is no message's number", fix="Give the seq of a message.")
