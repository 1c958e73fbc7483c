"""Numbers of things, for a person."""

from __future__ import annotations


def counted(number: int, noun: str, plural: str = "") -> str:
    """
    `1 attempt`, `2 attempts`.

    Args:
        number: How many.
        noun: Of one.
        plural: Of several, if that is not the noun with an s.
    """
    return f"{number} {noun if number == 1 else plural or f'{noun}s'}"
