"""The agent's chats, as a handler finds them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mycel_runtime.wire.arguments import require_storable
from mycel_runtime.wire.ids import ChatId

if TYPE_CHECKING:
    from mycel_runtime.plugin.context_run import ContextRun
    from mycel_runtime.plugin.port import RunPort


class Chats:
    """
    `ctx.chats`, for `async def` handlers.

    Args:
        run: Whose it is.
        port: What asks the runtime.
    """

    __slots__ = ("_port", "_run")

    def __init__(self, run: ContextRun, port: RunPort) -> None:
        self._run = run
        self._port = port

    async def direct(self, user_id: str) -> ChatId:
        """
        The direct chat with somebody: the one that there is, or a new one.

        Nobody hears of it before something is said there. Ask again rather than keep it for ever (Q43).

        Args:
            user_id: Not the agent's own. No relationship is needed.

        Returns:
            Its id, for `say`.

        Raises:
            ArgumentError: It is no user id.
            ApiError: There is no such user, or the backend cannot tell.
            ContextEndedError: The run is over.

        Cancelling: there may be a chat that was not there before.
        """
        self._run.require_open()
        require_storable(user_id, "the user id")
        return ChatId(await self._port.direct(user_id))
