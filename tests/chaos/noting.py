"""What handlers of a campaign write down, in one file of all processes: what they were shown, in that order."""

from __future__ import annotations

import os

VARIABLE = "CAMPAIGN_SHOWN"
"""Of the environment: the file."""


def note(lines):
    """One write, so that a killed process leaves whole lines."""
    file = os.open(os.environ[VARIABLE], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(file, "".join(f"{line}\n" for line in lines).encode())
    finally:
        os.close(file)


def noted(file):
    """Each line's words, oldest first."""
    return [line.split() for line in file.read_text().splitlines()] if file.exists() else []


def first_showings(seqs):
    """Each number once, where it was shown first."""
    return list(dict.fromkeys(seqs))
