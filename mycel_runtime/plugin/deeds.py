"""
Deciding what somebody has asked for, once.

The server has no idempotency key and answers a repeated decision with a conflict, or with 404; its 500 may mean
"done" (Q21). So its answer is not what counts: before a deed, and after each answer that is no success, the lists
are asked what stands. Nothing that the handler was not shown is decided: who asks again meanwhile is told to it by
itself.
"""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Any, Final, Literal

from mycel_runtime.errors import ApiError
from mycel_runtime.journal.turns import Decided
from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.observe.facts import RequestDecided
from mycel_runtime.speech.evidence import Operation
from mycel_runtime.speech.interrupts import UNANSWERED, UnansweredError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mycel_runtime.journal.ids import HandlerId
    from mycel_runtime.observe.observer import Observer
    from mycel_runtime.plugin.subject import Subject, SubjectReader
    from mycel_runtime.plugin.subscription import EventKind

Deed = Literal["approve", "reject"]

_GRANTED: Final = frozenset({"visit", "hire", "approved"})
_DENIED: Final = frozenset({"none", "rejected"})
_DONE: Final[dict[Deed, frozenset[str]]] = {"approve": _GRANTED, "reject": _DENIED}
"""The states in which a deed counts as done. Source: contract 2.9 and 4.10: a rejected relationship is gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deeds:
    """
    The `RequestPort` of one delivery.

    Attributes:
        kind: Of what is asked for.
        metadata: Of the event that told of it.
        shown: What the handler was shown; `None`: nothing that could be decided.
        reader: Says what stands.
        handler: Whose deeds they are.
        observer: Told of what was decided.
        decided: Each deed that came to an end, in order.
    """

    kind: EventKind
    metadata: Mapping[str, Any] = field(repr=False)
    shown: Subject | None
    reader: SubjectReader
    handler: HandlerId
    observer: Observer
    decided: list[Decided] = field(default_factory=list)

    async def approve(self) -> bool:
        """As `Decidable.approve`."""
        return self._note("approve", is_done=await self._do("approve", ""))

    async def reject(self, why: str) -> bool:
        """As `Decidable.reject`."""
        return self._note("reject", is_done=await self._do("reject", why))

    def _note(self, deed: Deed, *, is_done: bool) -> bool:
        self.decided.append(Decided(deed, is_done))
        return is_done

    async def _do(self, deed: Deed, why: str) -> bool:
        if (now := await self._look()) is None or not self._is_waiting(now):
            return now is not None and self._is_done(deed, now)
        try:
            await self._ask(deed)
        except ApiError as exc:
            return await self._settle(deed, exc)
        self.observer.tell(RequestDecided(handler=self.handler, key=now.key, decision=deed, why=why))
        return True

    async def _settle(self, deed: Deed, exc: ApiError) -> bool:
        """What stands after an answer that is no success, or none at all."""
        now = await self._look()
        if now is None or not self._is_waiting(now):
            return now is not None and self._is_done(deed, now)
        if isinstance(exc, UNANSWERED):
            raise UnansweredError(exc, Operation.SEND) from exc
        raise exc

    def _is_waiting(self, now: Subject) -> bool:
        """Whether what the handler was shown is there, and waits."""
        return self.shown is not None and not now.is_later_than(self.shown) and now.state == "pending"

    def _is_done(self, deed: Deed, now: Subject) -> bool:
        """A rejected request may have been followed by another one."""
        is_another = self.shown is not None and now.is_later_than(self.shown)
        return now.state in _DONE[deed] or (deed == "reject" and is_another)

    async def _look(self) -> Subject | None:
        try:
            return await self.reader.read(self.kind, self.metadata)
        except UNANSWERED as exc:
            raise UnansweredError(exc, Operation.READ) from exc

    async def _ask(self, deed: Deed) -> None:
        sdk = self.reader.sdk
        if self.kind == "relationship":
            relationship_id = self.metadata["relationship_id"]
            ask = sdk.relationships.approve if deed == "approve" else sdk.relationships.reject
            await ask(relationship_id)
        else:
            chat_id, request_id = self.metadata["chat_id"], self.metadata["chat_join_request_id"]
            decide = sdk.chats.approve_join if deed == "approve" else sdk.chats.reject_join
            await decide(chat_id, request_id)
