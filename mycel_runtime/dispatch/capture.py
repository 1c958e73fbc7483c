"""
Where the owner wants it, what a run was shown is kept beside its turn's record, in words.

The record tells by which name. Nothing of it is awaited, and nothing fails with it: what is not kept is read again.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from mycel_runtime.journal.turns import MESSAGE_KIND
from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.plugin.conversation import told

if TYPE_CHECKING:
    from mycel_runtime.dispatch.chat_reader import NewerMessages
    from mycel_runtime.journal.capture_file import CaptureFile
    from mycel_runtime.journal.firing import Fired
    from mycel_runtime.journal.shown_run import ShownRun
    from mycel_runtime.journal.turns import TurnRecord
    from mycel_runtime.plugin.message_context import MessageContext
    from mycel_runtime.plugin.room import Room
    from mycel_runtime.plugin.subject import Subject
    from mycel_runtime.plugin.voice import Voice
    from mycel_runtime.wire.ids import UserId


@dataclass(frozen=True, slots=True, kw_only=True)
class Capture:
    """
    Of one identity.

    Attributes:
        file: Where it is kept.
        me: The identity.
    """

    file: CaptureFile
    me: UserId

    def of_messages(
        self,
        record: TurnRecord,
        shown: ShownRun,
        room: Room,
        context: MessageContext,
        newer: NewerMessages,
        voice: Voice,
    ) -> TurnRecord:
        """The record of a run on messages, with the name of what it was shown; answers are not replayed."""
        if record.kind != MESSAGE_KIND:
            return record
        shown.note_room(room.chat_type, room.types, is_whole=room.is_whole)
        for page in (context.messages, *newer.shown):
            shown.note_messages(map(told, page))
        return self._kept(record, shown, voice)

    def of_event(
        self, record: TurnRecord, shown: ShownRun, subject: Subject | None, voice: Voice
    ) -> TurnRecord:
        """As `of_messages`, of a run on a frame."""
        row = None if subject is None or subject.row is None else dict(subject.row)
        return self._kept(record, dataclasses.replace(shown, row=row), voice)

    def of_timer(self, record: TurnRecord, shown: ShownRun, fired: Fired, voice: Voice) -> TurnRecord:
        """As `of_messages`, of a run on a timer."""
        return self._kept(record, dataclasses.replace(shown, key=fired.key, data=fired.data), voice)

    def _kept(self, record: TurnRecord, shown: ShownRun, voice: Voice) -> TurnRecord:
        for pages in voice.reading.shown.values():
            for page in pages:
                shown.note_messages(map(told, page))
        name = self.file.keep(self.me, dataclasses.replace(shown, directs=dict(voice.directs)))
        if name is None:
            return record
        return dataclasses.replace(record, shown={**record.shown, "captured": name})
