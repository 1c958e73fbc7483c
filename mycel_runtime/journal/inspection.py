"""What a look at a journal as a whole has found."""

from __future__ import annotations

from mycel_runtime.lazy_dataclass import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """
    A journal that can be opened.

    Attributes:
        version: Its schema's; of a database also a newer one, which serves this program yet.
        newest_version: That this program knows, to which the next start brings it.
        size: Bytes.
        was_read_through: Every page of it was looked at; else there was no time for that.
    """

    version: int
    newest_version: int
    size: int
    was_read_through: bool
