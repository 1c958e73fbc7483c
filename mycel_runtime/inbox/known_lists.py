"""
Lists of the server that say what they said when they were compared the last time. Pure.

To compare them again would find nothing, for as long as the snapshot is as it was left; and to read that wakes a
journal at rest. Kinds are known each by itself, because not every look asks for all of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Hashable, Mapping, Sequence

    from mycel_runtime.inbox.list_diff import ListOfChat, Record


class KnownLists:
    """Of one identity: a number for each kind's lists, and the state of the snapshot that they were compared with."""

    def __init__(self) -> None:
        self._said: Mapping[str, int] = {}
        self._snapshot: int | None = None

    def say_the_same(self, said: Mapping[str, int], *, snapshot: int) -> bool:
        """
        Whether a comparison would find nothing.

        Args:
            said: As of `said_of`.
            snapshot: How often the snapshot was changed so far.
        """
        return snapshot == self._snapshot and said.items() <= self._said.items()

    def note(self, said: Mapping[str, int], *, read_at: int, left_at: int) -> None:
        """
        These have been compared, and the differences are stored.

        Args:
            said: As of `said_of`.
            read_at: How often the snapshot had been changed before it was read for that.
            left_at: The same, with our own change, if there was one.
        """
        is_as_before = self._snapshot == read_at == left_at
        self._said = {**self._said, **said} if is_as_before else said
        self._snapshot = left_at


def said_of(
    records: Sequence[Record],
    *,
    asked: Collection[str],
    complete: Collection[str],
    failed: Collection[ListOfChat],
    deciders: Hashable,
) -> dict[str, int]:
    """
    All by which a comparison decides what is different, by kind.

    Args:
        records: As of `list_diff.compare`, and so the next three.
        asked: Kinds.
        complete: Kinds.
        failed: Lists of single chats.
        deciders: Who is told, in any form.
    """
    lines: dict[str, list[tuple[str, str, bool]]] = {kind: [] for kind in asked}
    for each in records:
        lines.setdefault(each.kind, []).append((each.key, each.state, each.is_open))
    return {
        kind: hash(
            (
                tuple(of_kind),
                kind in complete,
                frozenset(chat_id for failed_kind, chat_id in failed if failed_kind == kind),
                deciders,
            )
        )
        for kind, of_kind in lines.items()
    }
