"""What an agent has said by its tools in the turn that it answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from mycel_runtime_plugins.acp.outcome import ALLOWED

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from mycel_runtime import Message, MessageContext
    from mycel_runtime_plugins.acp.last_word import LastWord

_MOST: Final = 100
"""Messages that are looked through."""


@dataclass(frozen=True, slots=True)
class Standing:
    """
    What earlier runs of a delivery have said and what stands.

    Attributes:
        answered_seq: The number of the newest reply that has ended a turn; 0: there is none.
        spoken: What the agent has said by its tools since, oldest first.
    """

    answered_seq: int
    spoken: Sequence[Message] = ()


async def standing_of(ctx: MessageContext, last_word: LastWord | None) -> Standing:
    """
    As the journal, and what was noted of the chat, tell.

    Args:
        ctx: Of the delivery.
        last_word: Of its chat; `None`: the agent has no tools, and each reply ends a turn.

    Raises:
        ApiError: The chat cannot be read.

    Cancelling: loses nothing.
    """
    if not ctx.said:
        return Standing(0)
    newest = ctx.said[-1].seq
    if last_word is None:
        return Standing(newest)
    ids = {sent.message_id for sent in ctx.said}
    said = [message for message in await ctx.history(_MOST, before=newest + 1) if message.id in ids]
    answered = [message.seq for message in said if await last_word.is_this(message.content)]
    answered_seq = max(answered, default=0)
    return Standing(answered_seq, by_tools(message for message in said if message.seq > answered_seq))


async def spoken_now(ctx: MessageContext, after: int) -> Sequence[Message]:
    """
    What stands of this run; its chat's lane is its own, so nobody else speaks as the agent meanwhile.

    Args:
        ctx: Of the run.
        after: The number of the newest message that is not of this run.

    Raises:
        ApiError: The chat cannot be read.

    Cancelling: loses nothing.
    """
    page = await ctx.history(_MOST)
    return by_tools(message for message in page if message.seq > after and message.sender.id == ctx.me)


def by_tools(said: Iterable[Message]) -> Sequence[Message]:
    """Without what the plugin says itself before a turn."""
    return [message for message in said if message.content != ALLOWED]


def is_repetition(text: str, spoken: Sequence[Message]) -> bool:
    """Whether a text says, whatever its spaces are, what one of them has said, or all of them together."""
    said = [_words(message.content) for message in spoken]
    return bool(said) and _words(text) in {*said, " ".join(said)}


def _words(text: str) -> str:
    return " ".join(text.split())
