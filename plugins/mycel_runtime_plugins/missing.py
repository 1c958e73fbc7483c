"""What a bundled plugin lacks before it can work: said as data, so that `check` and others can show it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

ALLOW_MISSING: Final = "allow_missing"
"""In the context of a validation of settings, true: what is missing does not refuse them, for who asks for all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """
    One thing that is not there.

    A plugin tells them all in its `requirements.py`: `missing(settings) -> list[Missing]`.

    Looking changes nothing, installs nothing and asks nobody on the network.

    Attributes:
        what: One line, without secrets: `the package openai`, `the file api.key of [plugins.llm] api_key_file`.
        fix: One line that tells what to do; where a command gets it, that command as it is typed.
    """

    what: str
    fix: str
