"""A reply whose words are somebody else's, and stand whole or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mycel_runtime import Reject
from mycel_runtime.sdk import ContentTooLargeError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mycel_runtime import MessageContext


async def reply_whole(ctx: MessageContext, text: str, mentions: Sequence[str]) -> None:
    """
    Say it in the delivery's chat.

    Args:
        ctx: Of the delivery.
        text: Of `reply_characters` at most.
        mentions: Ids of users.

    Raises:
        Reject: It is too large for the backend, or for a gateway before it. The same words would be refused each
            time, and whoever has made them asked again for nothing.

    Cancelling: as of `ctx.reply`.
    """
    try:
        await ctx.reply(text, mentions=mentions)
    except ContentTooLargeError:
        problem = f"a reply of {len(text)} characters is too large for the backend: lower reply_characters"
        raise Reject(problem, is_told=False) from None
