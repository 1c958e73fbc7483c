"""
Deciding a request from an answer, once.

The context of an answer has no `approve`: it is about a chat. So it is done here as the runtime does elsewhere. The
server answers a repeated decision with a conflict, and its 500 may mean "done": what counts is what stands, before
and after. Nothing is decided that nobody was asked about: who asks again meanwhile has made another request.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from mycel_runtime.sdk import ApiError, NotFoundError, PermissionDeniedError

if TYPE_CHECKING:
    from mycel_runtime.sdk import AsyncClient
    from mycel_runtime_plugins.gatekeeper.answers import Verdict
    from mycel_runtime_plugins.gatekeeper.request import Request

Outcome: TypeAlias = Literal["done", "otherwise", "replaced"]
"""`otherwise`: it was taken back, or somebody else has decided the other way. `replaced`: another one waits now."""

_DONE: Final[dict[Verdict, frozenset[str]]] = {
    "allow": frozenset({"visit", "hire", "approved"}),
    "deny": frozenset({"none", "rejected"}),
}
"""The states in which a verdict counts as carried out; a rejected relationship is gone."""


async def waiting_now(sdk: AsyncClient, request: Request) -> Request | None:
    """
    What waits under this request's id now: this one, or another one if its `created_at` is another.

    Raises:
        ApiError: It cannot be read.

    Cancelling: loses nothing.
    """
    now = await _read(sdk, request)
    return None if now is None or now[0] != "pending" else now[1]


async def decide(sdk: AsyncClient, request: Request, verdict: Verdict) -> Outcome:
    """
    Carry a verdict out.

    Args:
        sdk: As the agent.
        request: That waited when it was asked about.
        verdict: About it.

    Raises:
        ApiError: The backend refuses it, or cannot tell; it may be tried again.

    Cancelling: it may be done or not; the next run finds out.
    """
    if await waiting_now(sdk, request) == request:
        try:
            await _carry_out(sdk, request, verdict)
        except ApiError:
            if await waiting_now(sdk, request) == request:
                raise
        else:
            return "done"
    state, _ = await _read(sdk, request) or ("none", request)
    if state == "pending":
        return "replaced"
    return "done" if state in _DONE[verdict] else "otherwise"


async def _carry_out(sdk: AsyncClient, request: Request, verdict: Verdict) -> None:
    if request.chat_id is None:
        relationships = sdk.relationships
        await (relationships.approve if verdict == "allow" else relationships.reject)(request.id)
    else:
        join = sdk.chats.approve_join if verdict == "allow" else sdk.chats.reject_join
        await join(request.chat_id, request.id)


async def _read(sdk: AsyncClient, request: Request) -> tuple[str, Request] | None:
    """The state of what has this id, and the request as it would be asked about now; `None`: there is nothing."""
    try:
        rows = await _rows(sdk, request.chat_id)
    except (NotFoundError, PermissionDeniedError):
        # The group is gone, or is the agent's own no more.
        return None
    for state, row_id, created_at, message in rows:
        if row_id == request.id:
            changed = {"created_at": created_at, "message": message, "tries": 0}
            return state, request if created_at == request.created_at else request.model_copy(update=changed)
    return None


async def _rows(sdk: AsyncClient, chat_id: str | None) -> list[tuple[str, str, str, str]]:
    """State, id, time and message of each."""
    if chat_id is None:
        return [
            (row["state"], row["id"], str(row["created_at"]), row["message"] or "")
            for row in await sdk.relationships.list()
        ]
    return [
        (row["state"], row["id"], str(row["created_at"]), row["message"] or "")
        for row in await sdk.chats.list_join_requests(chat_id)
    ]
