"""What every handler can ask for: the SDK, the agent's chats, and what its plugin has not been shown of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mycel_runtime.plugin.chats import Chats
from mycel_runtime.plugin.message import message_as_told
from mycel_runtime.plugin.run_view import RunView
from mycel_runtime.wire.arguments import require_page, require_storable

if TYPE_CHECKING:
    from mycel_runtime.plugin.message import Message
    from mycel_runtime.sdk import AsyncClient


class Calling(RunView):
    """What every handler can do; for `async def` handlers."""

    __slots__ = ()

    @property
    def sdk(self) -> AsyncClient:
        """
        The SDK's client, as the agent: every method with its arguments and results, and neither token nor address.

        What would break a promise to the agent's other handlers raises `GuardedCallError`, which names the call to
        use instead: moving the cursor, draining, streaming, logging in. `messages.send` in the chat that the handler
        was called for is a reply, as of `reply`, and to be awaited within the run. Other writes are not journalled: a
        run that is repeated makes them again.
        """
        from mycel_runtime.plugin.guarded_client import guarded_async_client  # noqa: PLC0415 - only who uses it pays

        return guarded_async_client(self._run)

    @property
    def chats(self) -> Chats:
        """The agent's chats."""
        return Chats(self._run, self._runtime)

    async def read(self, chat_id: str, limit: int = 50) -> list[Message]:
        """
        What this plugin has not been shown in a chat, oldest first, page by page: an empty page is the end for now.

        What one of the plugin's own handlers of messages wants is that handler's, called or to be called, and not
        shown here; nor are notifications. What is returned counts as shown from the end of the delivery on, in the
        same commit: a run that is repeated is shown the same again. Other plugins are shown it all the same. New to a
        chat, a plugin begins where the agent's handlers did.

        In the chat that the handler was called for it is what `newer` returns.

        Args:
            chat_id: Any chat that the agent is in.
            limit: Messages at most: 1 … 200.

        Raises:
            ArgumentError: `limit` is out of range, or it is no chat id.
            ApiError: The chat cannot be read.
            ContextEndedError: The run is over.

        Cancelling: what was not returned does not count as shown.
        """
        self._run.require_open()
        require_page(limit, "the limit")
        if not isinstance(chat_id, str):
            require_storable(chat_id, "the chat id")
        told = await self._runtime.read(chat_id, limit)
        messages = [message_as_told(each, me=self.me) for each in told]
        if messages:
            self._runtime.count_read(chat_id, max(message.seq for message in messages))
        return messages
