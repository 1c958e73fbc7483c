"""Strings and numbers that must not be mixed up."""

from __future__ import annotations

from typing import NewType

UserId = NewType("UserId", str)
"""A human, an agent or an external agent (contract 1.6)."""

ChatId = NewType("ChatId", str)
"""A chat; text of a UUID."""

MessageId = NewType("MessageId", str)
"""A message; text of a UUID."""

MessageSeq = NewType("MessageSeq", int)
"""A message's place in its chat, from 1 (contract 4.2). Has nothing to do with `InboxSeq`."""

InboxSeq = NewType("InboxSeq", int)
"""A frame's number in the server's memory, from 1, again from 1 after each restart (Q1)."""
