"""What is remembered of a chat's session: a hint, because the journal is the truth and a session may be gone."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

KEY = "session"
"""Of the chat's store."""


class Hint(BaseModel):
    """
    Of the session that a chat had when its last turn ended well.

    Attributes:
        session_id: The agent's.
        folder: Of the chat; a session is loaded in it, and nowhere else.
        agent: Name and version of the program. Another version may not know its sessions.
        shown_seq: The newest message that the session was shown.
        reply_seq: The reply that stands; 0: there is none.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    session_id: str
    folder: str
    agent: str
    shown_seq: int
    reply_seq: int = 0
