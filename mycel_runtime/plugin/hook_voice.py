"""
What a hook says first and reads: nothing of it stands before the hook has ended.

It has no delivery that would remember what was said, so nothing is written down while it runs: a hook that fails and
is run again has said nothing. What it says is made in the commit that ends it.
"""

from __future__ import annotations

import secrets
from collections import Counter
from typing import TYPE_CHECKING, cast

from mycel_runtime.errors import ArgumentError
from mycel_runtime.journal.ids import DeliveryId
from mycel_runtime.journal.utterance import Utterance
from mycel_runtime.plugin.voice import count_read, read, require_utterable
from mycel_runtime.wire.ids import ChatId

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mycel_runtime.journal.changes import Changes
    from mycel_runtime.journal.ids import HandlerId
    from mycel_runtime.journal.utterance import UtterancePolicy
    from mycel_runtime.plugin.port import AnswerWish, ToldMessage
    from mycel_runtime.plugin.voice import VoiceDependencies

NOT_SAID = "a hook of the stop says nothing any more"
INSTEAD = "Say it in a hook of the start, or set a timer: it is called after the next start."


class HookVoice:
    """
    The `RunPort` of one run of a hook.

    Args:
        dependencies: What it takes.
        handler: The hook.
        may_say: Whether what it says would be said before the agent ends.
    """

    def __init__(self, dependencies: VoiceDependencies, handler: HandlerId, *, may_say: bool) -> None:
        self._dependencies = dependencies
        self._handler = handler
        self._may_say = may_say
        self._reading = dependencies.reading(handler)
        self._utterances: list[Utterance] = []
        self._ordinals: Counter[str] = Counter()
        # In the place of a delivery: below all of theirs, and drawn, so that it never comes again.
        self._id = DeliveryId(-1 - secrets.randbits(62))

    async def say(self, chat_id: str, text: str, mentions: Sequence[str], on_conflict: str) -> None:
        """
        Have something said once the hook has ended.

        Raises:
            ArgumentError: It is nothing that can be said, or the agent is ending.
            ApiError: As of `VoiceDependencies.known_seq`.
            JournalError: The journal failed.
        """
        if not self._may_say:
            raise ArgumentError(NOT_SAID, fix=INSTEAD)
        require_utterable(chat_id, text, mentions, on_conflict)
        policy = cast("UtterancePolicy", on_conflict)
        known_seq = await self._dependencies.known_seq(ChatId(chat_id), policy)
        self._utterances.append(
            Utterance(
                identity=self._dependencies.me,
                handler=self._handler,
                lane=self._dependencies.lane_of(ChatId(chat_id)),
                chat_id=ChatId(chat_id),
                delivery_id=self._id,
                turn=0,
                ordinal=self._ordinals[chat_id],
                content=text,
                mentions=tuple(mentions),
                on_conflict=policy,
                known_seq=known_seq,
                made_at=self._dependencies.clock(),
            )
        )
        self._ordinals[chat_id] += 1

    async def ask(
        self, chat_id: str, text: str, mentions: Sequence[str], on_conflict: str, wish: AnswerWish
    ) -> None:
        """
        Nothing is asked by a hook: it is run at each start, and has no delivery by which it would be known again.

        Raises:
            ArgumentError: So it is.
        """
        del chat_id, text, mentions, on_conflict, wish
        raise ArgumentError(
            "a hook cannot ask", fix='Plan it: ctx.timers.set("name", after=0), and ask in its handler.'
        )

    async def direct(self, user_id: str) -> str:
        """
        As `AgentChats.direct`.

        Raises:
            ArgumentError: It is no user id.
            ApiError: There is no such user, or the backend cannot tell.
        """
        return await self._dependencies.chats.direct(user_id)

    async def read(self, chat_id: str, limit: int) -> list[ToldMessage]:
        """
        What the plugin has not been shown in a chat.

        Raises:
            ArgumentError: It is no chat id, or the limit is out of range.
            ApiError: The chat cannot be read.
            JournalError: The journal failed.
        """
        return await read(self._reading, chat_id, limit)

    def count_read(self, chat_id: str, seq: int) -> None:
        """What was read up to there counts as shown."""
        count_read(self._reading, chat_id, seq)

    def complete(self, changes: Changes) -> Changes:
        """The changes of the run, with what it says and how far it has read."""
        return changes._replace(reads=self._reading.moves, utterances=tuple(self._utterances))
