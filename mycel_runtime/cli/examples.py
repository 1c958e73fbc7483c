"""Examples at the end of a command's `--help`."""

from __future__ import annotations


def examples(*lines: str) -> str:
    """The epilog of a command; each line can be typed as it stands, with names of one's own."""
    heading = "Example:" if len(lines) == 1 else "Examples:"
    # The first line keeps click from filling the paragraph.
    return "\n".join(["\b", heading, *(f"  {line}" for line in lines)])
