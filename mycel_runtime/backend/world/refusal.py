"""How an operation says no."""

from __future__ import annotations

from typing import Any


class Refused(Exception):  # noqa: N818 - a refusal is an answer of the world, not an error of ours
    """
    An answer other than success; nothing was changed unless the contract says so (Q21).

    Attributes:
        status: HTTP status.
        detail: What stands under `detail`: a text, or an object where the contract has one.
    """

    def __init__(self, status: int, detail: str | dict[str, Any]) -> None:
        self.status = status
        self.detail = detail
        super().__init__(status)


class Broken(Exception):  # noqa: N818 - the server's own RuntimeError, played
    """
    What the real server raises as a `RuntimeError`: stored rows that cannot be shown (Q20, Q25).

    Where it is caught on the way, its text is the answer's `detail`; elsewhere it is a bare 500.
    """
