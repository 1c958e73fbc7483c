"""What the journal knows of what was sent, as values."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mycel_runtime.lazy_dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mycel_runtime.wire.ids import MessageSeq


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnSends:
    """
    What this journal knows of the identity's own messages in a chat.

    Attributes:
        message_ids: Of those that it has sent.
        unplaced: Content hashes of sends whose message, if there is one, is not known, each with the lowest seq that
            it must be above. Also of refused ones: what was looked for in vain may have come late.
        through_seq: Whatever the identity said up to here is explained, though it is not known any more by what.
    """

    message_ids: frozenset[str]
    unplaced: Mapping[str, MessageSeq]
    through_seq: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Unattended:
    """
    What was said without a human in view since one last spoke.

    Attributes:
        turns: Other turns than the present one, in the chat.
        chat_sends: Sends within the window, in the chat.
        plugin_sends: Sends within the window, of the plugin, in all chats.
    """

    turns: int
    chat_sends: int
    plugin_sends: int
