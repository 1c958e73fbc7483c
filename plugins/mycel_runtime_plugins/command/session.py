"""What is remembered of a chat's conversation with a coding agent: a hint, no more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pydantic import BaseModel, ValidationError

if TYPE_CHECKING:
    from mycel_runtime import Store

_KEY: Final = "session"


class Session(BaseModel):
    """
    A conversation that the agent keeps.

    Attributes:
        recipe: Whose it is.
        id: By which the agent knows it.
        seq: Of the last message that it was shown.
    """

    recipe: str
    id: str
    seq: int


def remembered(store: Store, recipe: str) -> Session | None:
    """Of the chat; `None`: there is none, or it is another agent's, or of another version of this plugin."""
    try:
        session = store.get_model(_KEY, Session)
    except ValidationError:
        return None
    return session if session is not None and session.recipe == recipe else None


def remember(store: Store, recipe: str, session_id: str | None, seq: int) -> None:
    """For the next delivery, once this one has ended well."""
    if session_id is None:
        store.pop(_KEY, None)
    else:
        store[_KEY] = Session(recipe=recipe, id=session_id, seq=seq)
