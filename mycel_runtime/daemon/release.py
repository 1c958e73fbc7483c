"""Which release runs."""

from __future__ import annotations

from importlib.metadata import version
from typing import Final

VERSION: Final = version("mycel-runtime")
"""Of the code that runs: what is installed may have been replaced since."""
