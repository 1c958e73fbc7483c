"""The operator's verb about an old backlog, which wants the chats to be read, and so a running agent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from mycel_runtime.errors import ApiError
from mycel_runtime.observe.facts import WorkSkipped

if TYPE_CHECKING:
    from mycel_runtime.daemon.assembly import Parts
    from mycel_runtime.journal.backlog import ReadSpan, WaitingChat
    from mycel_runtime.journal.port.journal import Journal

_PAGE_CHATS: Final = 20
"""Read and skipped by one call, so that none takes long."""


class BacklogVerbs:
    """Of `Admin`, which has what they need."""

    _journal: Journal
    _parts: Parts

    async def skip_old(
        self,
        *,
        before: float,
        chat_id: str | None = None,
        after: int = 0,
        skip_id: int | None = None,
        is_trial: bool = False,
    ) -> dict[str, Any]:
        """
        Give up messages that wait and were sent before a time; a page of handlers and chats.

        Args:
            before: Epoch seconds.
            chat_id: Of this chat only.
            after: `next_after` of the page before.
            skip_id: Likewise; all pages of a skip are one dead letter.
            is_trial: Only tell what would be skipped.

        Returns:
            `skipped`: handler, chat, span and number of messages of each; `left`: what could not be, and why;
            `next_after`: `None` after the last page; `skip_id`: the dead letter's number.
        """
        page = await self._journal.backlog(self._parts.me, chat_id=chat_id, after=after, limit=_PAGE_CHATS)
        skipped, left = list[dict[str, Any]](), list[dict[str, Any]]()
        for waiting in page:
            try:
                read = await self._parts.dispatcher.backlog.read(waiting, before=before)
            except ApiError as exc:
                left.append(_left(waiting, f"the chat cannot be read: {type(exc).__name__}"))
                continue
            if read is None:
                continue
            if not is_trial:
                number = await self._skip_span(waiting, read, skip_id)
                if number is None:
                    left.append(_left(waiting, "it is at work"))
                    continue
                skip_id = number if skip_id is None else skip_id
            skipped.append(_span_row(waiting, read))
        if skipped and not is_trial:
            self._tell(skipped)
        return {
            "skipped": skipped,
            "left": left,
            "next_after": page[-1].delivery_id if len(page) == _PAGE_CHATS else None,
            "skip_id": skip_id,
        }

    async def _skip_span(self, waiting: WaitingChat, read: ReadSpan, skip_id: int | None) -> int | None:
        """The number of its letter; `None`: it runs, or is not any more as it was read."""
        skipped = await self._journal.skip(
            self._parts.me,
            waiting.delivery_id,
            reason=f"skipped by the operator: {read.messages} messages up to seq {read.through_seq}",
            read=read,
            skip_id=skip_id,
        )
        if skipped is None:
            return None
        self._parts.dispatcher.note_skipped(skipped.delivery)
        return skipped.dead_letter_id

    def _tell(self, skipped: list[dict[str, Any]]) -> None:
        self._parts.dispatcher.tell(
            WorkSkipped(
                chats=len({row["chat_id"] for row in skipped}),
                messages=sum(row["messages"] for row in skipped),
            )
        )


def _span_row(waiting: WaitingChat, read: ReadSpan) -> dict[str, Any]:
    return {
        "handler": waiting.handler,
        "chat_id": waiting.chat_id,
        "after_seq": read.after_seq,
        "through_seq": read.through_seq,
        "messages": read.messages,
    }


def _left(waiting: WaitingChat, why: str) -> dict[str, Any]:
    return {"handler": waiting.handler, "chat_id": waiting.chat_id, "why": why}
