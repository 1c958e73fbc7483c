"""Tokens, and what was said, in what was printed or written. Pure."""

from __future__ import annotations

import json
import re
from typing import Final

TOKEN: Final = re.compile(rb"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9\.[\w-]{8,}\.[\w-]{8,}")
"""As the local backend makes them."""

TELLING: Final = re.compile(r"[\w-]{8,}|\w{2,}\W+\w{2,}")
"""A text that no line of ours has by chance: long, or more than one word."""


def tokens_in(output):
    """Each token, shortened to what tells which."""
    return sorted({f"a token, {found.decode()[-6:]}" for found in TOKEN.findall(output)})


def texts_in(output, texts):
    """Those of these texts that stand in this output, as they are or as JSON has them."""
    return sorted(text for text in texts if any(_stands(form, output) for form in _forms(text)))


def telling(texts):
    """
    Of these texts, those worth looking for.

    What contains another one of them is found with that.
    """
    kept = []
    for text in sorted(texts, key=len):
        if TELLING.search(text) and not any(each in text for each in kept):
            kept.append(text)
    return kept


def _forms(text):
    plain = text.strip()
    return {
        plain.encode(errors="replace"),
        *(json.dumps(plain, ensure_ascii=each)[1:-1].encode(errors="replace") for each in (True, False)),
    }


def _stands(form, output):
    return form in output and re.search(rb"(?<!\w)" + re.escape(form) + rb"(?!\w)", output) is not None
