"""What a handler wants to hear of a question, as it is asked."""

from __future__ import annotations

import json
import math
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from mycel_runtime.errors import ArgumentError
from mycel_runtime.plugin.json_text import VALUE_BYTES, json_text
from mycel_runtime.plugin.port import AnswerWish
from mycel_runtime.plugin.timers import LONGEST_SECONDS
from mycel_runtime.wire.arguments import require_storable

if TYPE_CHECKING:
    from collections.abc import Collection

ANSWER_SECONDS: Final = 86_400.0
"""For which an answer is waited for, if nobody says otherwise."""

WHOM: Final = "Say whose answer it is: user_id=…"


def answer_wish(name: str, data: Any, timeout: float | timedelta, user_id: str | None) -> AnswerWish:
    """
    Of what `ctx.ask` is given.

    Raises:
        ArgumentError: The data are no JSON, or too large, or the time is none.
    """
    seconds = timeout.total_seconds() if isinstance(timeout, timedelta) else timeout
    return AnswerWish(
        name=name, data=json_text(data, "a question's data"), seconds=_seconds(seconds), user_id=user_id
    )


def require_answer_wish(wish: Any, names: Collection[str]) -> AnswerWish:
    """
    Refuse what nobody could wait for; it may come from a plugin's process, which may say anything.

    Raises:
        ArgumentError: So it is.
    """
    if not isinstance(wish, dict) or wish.keys() != AnswerWish.__annotations__.keys():
        raise ArgumentError("this is no question", fix="Ask by ctx.ask.")
    if not isinstance(wish["name"], str) or wish["name"] not in names:
        raise ArgumentError(
            "the plugin handles no answers of this name",
            fix='Declare its handler: @plugin.on_answer("name").',
        )
    if wish["user_id"] is not None:
        require_storable(wish["user_id"], "the user id")
    _require_json(wish["data"])
    return AnswerWish(
        name=wish["name"], data=wish["data"], seconds=_seconds(wish["seconds"]), user_id=wish["user_id"]
    )


def _seconds(seconds: Any) -> float:
    is_number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
    if not is_number or not math.isfinite(seconds) or not 0 < seconds <= LONGEST_SECONDS:
        raise ArgumentError(
            "a question's timeout is no number of seconds above 0, ten years at most",
            fix="Give seconds, or a timedelta.",
        )
    return float(seconds)


def _require_json(data: Any) -> None:
    try:
        is_json = isinstance(data, str) and len(data) <= VALUE_BYTES and json.loads(data) is not Ellipsis
    except (ValueError, RecursionError):
        is_json = False
    if not is_json:
        raise ArgumentError("a question's data is no JSON", fix="Give what JSON can say.")
