"""
JSON to frames and back: the only speller of a frame's keys.

Decoding never raises. `pydantic_core.from_json` does the parsing: it refuses deep nesting by an error where
the standard library runs into the recursion limit.
"""

from __future__ import annotations

import hashlib
import json
import math
from typing import TYPE_CHECKING, Any, Final

import pydantic_core

from mycel_runtime.wire.frames import Frame, MalformedFrame, Notify, Overflow, UnknownFrame
from mycel_runtime.wire.ids import InboxSeq
from mycel_runtime.wire.limits import LARGEST_SEQ

if TYPE_CHECKING:
    from collections.abc import Mapping


def decode_frame(raw: str | bytes) -> Frame:
    """
    What a stream message says.

    Args:
        raw: One WebSocket message, text or binary.

    Returns:
        A `Notify` or `Overflow`, or, never an error, an `UnknownFrame` or `MalformedFrame`.
    """
    try:
        value = pydantic_core.from_json(raw, allow_inf_nan=False)
    except ValueError as exc:
        return MalformedFrame(reason=f"not JSON: {exc}")
    except TypeError:  # so the parser calls text with a lone surrogate
        return MalformedFrame(reason="not JSON: not UTF-8")
    if not isinstance(value, dict):
        return MalformedFrame(reason=f"not an object but {type(value).__name__}")
    match value.get("type"):
        case "notify":
            return _decode_notify(value)
        case "replay_overflow":
            return _decode_overflow(value)
        case other:
            return UnknownFrame(type=other if isinstance(other, str) else "")


def decode_item(item: object) -> Frame:
    """
    What an item of an HTTP drain says: the metadata with `seq` among it.

    The fingerprint is computed; there is no `ts` (contract 5.4).
    """
    if not isinstance(item, dict):
        return MalformedFrame(reason=f"not an object but {type(item).__name__}")
    metadata = {key: value for key, value in item.items() if key != "seq"}
    if (seq := _as_seq(item.get("seq"))) is None:
        return MalformedFrame(reason="no integer seq")
    try:
        return Notify(seq=seq, fingerprint=fingerprint(metadata), ts=None, metadata=metadata)
    except (ValueError, TypeError, RecursionError) as exc:  # its text would show the metadata
        return MalformedFrame(reason=f"metadata that is no JSON: {type(exc).__name__}")


def decode_resume(raw: str) -> int | None:
    """
    The `since_seq` of a client's first message; `None` when it asks for no replay.

    Raises:
        ValueError: Not JSON, or `since_seq` is no number: the server drops the connection (Q15).
    """
    try:
        value = json.loads(raw)
        if not isinstance(value, dict) or value.get("type") != "resume":
            return None
        return int(value.get("since_seq") or 0)
    except (TypeError, OverflowError, RecursionError) as exc:
        raise ValueError(f"no resume message: {type(exc).__name__}") from exc


def encode_resume(since_seq: int) -> str:
    """The first and only message of a client (contract 5.3)."""
    return _dumps({"type": "resume", "since_seq": since_seq})


def encode_notify(frame: Notify) -> str:
    """A notification as the stream sends it."""
    return _dumps(
        {
            "type": "notify",
            "seq": frame.seq,
            "fingerprint": frame.fingerprint,
            "ts": frame.ts,
            "metadata": dict(frame.metadata),
        }
    )


def encode_item(frame: Notify) -> dict[str, Any]:
    """A notification as an HTTP drain answers it."""
    return {"seq": frame.seq, **frame.metadata}


def encode_overflow(frame: Overflow) -> str:
    """The server's notice that it cannot replay so far back."""
    return _dumps({"type": "replay_overflow", "since_seq": frame.since_seq, "oldest_seq": frame.oldest_seq})


def fingerprint(metadata: Mapping[str, Any]) -> str:
    """
    The server's fingerprint of a notification.

    Source: contract 5.4: SHA-256 over the metadata as JSON with sorted keys, no blanks, non-ASCII unescaped.
    """
    return hashlib.sha256(_SORTED.encode(metadata).encode()).hexdigest()


def _decode_notify(value: dict[str, Any]) -> Frame:
    seq = _as_seq(value.get("seq"))
    metadata = value.get("metadata")
    if seq is None or not isinstance(metadata, dict):
        return MalformedFrame(reason="notify without an integer seq or an object metadata")
    print_ = value.get("fingerprint")
    if not isinstance(print_, str):
        print_ = fingerprint(metadata)
    return Notify(seq, print_, _as_time(value.get("ts")), metadata)


def _decode_overflow(value: dict[str, Any]) -> Frame:
    since, oldest = _as_seq(value.get("since_seq")), _as_seq(value.get("oldest_seq"))
    if since is None or oldest is None:
        return MalformedFrame(reason="replay_overflow without integer since_seq and oldest_seq")
    return Overflow(since_seq=since, oldest_seq=oldest)


def _as_seq(value: object) -> InboxSeq | None:
    """An integer that everybody can hold; anything else is no sequence number."""
    if type(value) is not int or not -LARGEST_SEQ <= value <= LARGEST_SEQ:
        return None
    return InboxSeq(value)


def _as_time(value: object) -> float | None:
    """Epoch seconds; anything that is no finite number of them is no time."""
    if type(value) is not float and type(value) is not int:
        return None
    try:
        seconds = float(value)
    except OverflowError:
        return None
    return seconds if math.isfinite(seconds) else None


def _dumps(value: dict[str, Any]) -> str:
    return _COMPACT.encode(value)


_COMPACT: Final = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False)
_SORTED: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)
"""`json.dumps` would make one for each text, at half its price."""
