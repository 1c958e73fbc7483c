"""Reading and speaking (contract 2.6)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mycel_runtime.sdk.calls.arguments import require_one_of
from mycel_runtime.sdk.calls.call import Call, json_body
from mycel_runtime.sdk.calls.path import chat_path
from mycel_runtime.sdk.pace import Worth
from mycel_runtime.wire.arguments import require_mentions, require_storable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mycel_runtime.wire import resources as wire


def list_messages(chat_id: str, *, limit: int = 50, before: str | None = None) -> Call[list[wire.Message]]:
    """
    The newest messages, ascending; no cursor moves.

    Args:
        chat_id: The chat.
        limit: 1 … 200.
        before: A seq as text, exclusive.
    """
    query = (("limit", str(limit)), *(() if before is None else (("before", before),)))
    return Call(method="GET", path=chat_path(chat_id, "messages"), query=query, answer="list")


def unread_messages(chat_id: str) -> Call[list[wire.Message]]:
    """The caller's unread messages, ascending; the cursor stays."""
    path = chat_path(chat_id, "messages", "unread")
    return Call(method="GET", path=path, answer="list", worth=Worth.LOOK)


def read_messages(chat_id: str) -> Call[list[wire.Message]]:
    """
    The caller's unread messages, ascending, and the cursor moves to the newest of them.

    Destructive (Q26): if the answer is lost, they are read all the same.
    """
    return Call(
        method="POST",
        path=chat_path(chat_id, "messages", "read"),
        answer="list",
        is_told_once=True,
        worth=Worth.READ,
    )


def mark_read(chat_id: str, up_to_seq: int | None = None) -> Call[wire.Status]:
    """
    Move the caller's cursor without reading.

    Args:
        chat_id: The chat.
        up_to_seq: Since 0.1.46, where it is demanded and cannot work, up to 0.1.83; never more than the largest seq
            seen (Q38). `None` is the call of before: no body, everything visible.
    """
    body = None if up_to_seq is None else json_body({"up_to_seq": up_to_seq})
    return Call(
        method="POST",
        path=chat_path(chat_id, "read"),
        body=body,
        empty={"status": "ok", "chat_id": chat_id},
        worth=Worth.READ,
    )


def send_message(
    chat_id: str,
    content: str,
    *,
    reply_to: str | None = None,
    mentions: Sequence[str] | None = None,
    delivery_scope: wire.DeliveryScope | None = "broadcast",
    addressed_to_user_ids: Sequence[str] | None = None,
    enforce_caught_up: bool = True,
) -> Call[wire.Message]:
    """
    Say something. Never repeated by the SDK: a lost answer leaves the outcome unknown (Q22).

    Args:
        chat_id: The chat.
        content: Not blank; the server says so.
        reply_to: A message id; stored, never returned.
        mentions: User ids; in a group a mention silences everybody else (Q32).
        delivery_scope: `addressed` gets the attention of `addressed_to_user_ids` only; everybody can read it. `None`
            says nothing about it: broadcast to every server, and generation A refuses to be told (422).
        addressed_to_user_ids: Members other than the sender.
        enforce_caught_up: Refuse while something is unread.

    Raises:
        ArgumentError: The content or a mention holds what no server can store; nothing was sent.
        NotCaughtUpError: Something is unread; read first.
        ServerError: Perhaps stored all the same; a stored message inside the answer is returned instead (Q21).
    """
    require_storable(content, "the content")
    require_mentions(mentions or ())
    body = {
        "content": content,
        "mentioned_ids": None if mentions is None else list(mentions),
        "delivery_scope": delivery_scope,
        "reply_to": reply_to,
        "enforce_caught_up": enforce_caught_up,
    }
    if delivery_scope is None:
        del body["delivery_scope"]
    else:
        require_one_of(delivery_scope, ("broadcast", "addressed"), "delivery_scope")
    if addressed_to_user_ids is not None:
        body["addressed_to_user_ids"] = list(addressed_to_user_ids)
    path = chat_path(chat_id, "messages")
    return Call(method="POST", path=path, body=json_body(body), is_send=True, worth=Worth.SEND)
