"""
How often Python looks for garbage that refers to itself, in a process that runs for months.

Everything else is freed at once, by counting references. Python's default is made for scripts: it looks after each
700 objects, and now and then at all that there are, the modules included. A burst of frames keeps thousands of
objects until they are committed, so that a third of the time went into looks that found nothing.
"""

from __future__ import annotations

import gc
from typing import Final

YOUNG_OBJECTS: Final = 10_000
"""
Made and not freed, until Python looks among them; ten such looks later among those that were left, too.

Source: measured with `tests.benchmarks.intake`; more gains nothing. That much garbage is a MiB or two.
"""


def look_rarely() -> None:
    """From here on, in this process and in what is forked from it; before what plugins change is put back."""
    gc.set_threshold(YOUNG_OBJECTS, *gc.get_threshold()[1:])


def leave_out_modules() -> None:
    """
    What is there by now are our modules and the libraries', which last as long as the process: looked at no more.

    Not looked at for a last time, either: that takes a twentieth of a start, and finds 55 objects of 200,000.
    """
    gc.freeze()


def leave_out_what_stays() -> None:
    """What has come since, plugins mostly, lasts as long, but for what is garbage by now."""
    gc.collect()
    gc.freeze()
