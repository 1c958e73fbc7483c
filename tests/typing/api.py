"""What the type checker knows about the SDK; read by mypy in `tests/unit/sdk/test_typing.py`, never run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, assert_type

from mycel_runtime.wire.resources import (
    AgentList,
    BackendInfo,
    ChatSummary,
    Drain,
    Login,
    Message,
    NewChat,
    Relationship,
    Status,
    Task,
    User,
    Workflow,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
    from typing import Any

    from mycel_runtime.sdk import AsyncClient, Client


def blocking(client: Client) -> None:
    """Results are typed JSON."""
    assert_type(client.me.whoami(), User)
    assert_type(client.auth.login("a", "b"), Login)
    assert_type(client.agents.list(), AgentList)
    assert_type(client.chats.list(), list[ChatSummary])
    assert_type(client.chats.create(["u"], kind="group"), NewChat)
    assert_type(client.chats.set_workflow("c", kind="k"), Workflow)
    assert_type(client.chats.update_task("c", "1", owner=None), Task)
    assert_type(client.messages.list("c", limit=5), list[Message])
    assert_type(client.messages.list_all("c"), Sequence[Message])
    assert_type(client.messages.mark_read("c"), Status)
    assert_type(client.messages.mark_read("c", 7), Status)
    assert_type(client.messages.send("c", "hi", mentions=["u"]), Message)
    assert_type(client.relationships.request("u"), Relationship)
    assert_type(client.notifications.drain(), Drain)
    assert_type(client.backend_info(), BackendInfo)
    walking: Iterator[Message] = client.messages.iterate("c")
    frames: Iterator[dict[str, Any]] = client.notifications.stream(since_seq=0, reconnect=True)
    del walking, frames


async def awaited(client: AsyncClient) -> None:
    """The same, awaited."""
    assert_type(await client.me.whoami(), User)
    assert_type(await client.chats.list(), list[ChatSummary])
    assert_type(await client.messages.send("c", "hi"), Message)
    assert_type(await client.messages.list_all("c"), Sequence[Message])
    assert_type(await client.notifications.drain(), Drain)
    assert_type(await client.backend_info(), BackendInfo)
    pending: Awaitable[User] = client.me.whoami()
    walking: AsyncIterator[Message] = client.messages.iterate("c")
    frames: AsyncIterator[dict[str, Any]] = client.notifications.stream()
    del pending, walking, frames


def refused(client: Client, other: AsyncClient) -> None:
    """Each line is an error; mypy complains of an ignore that it does not need."""
    client.me.whoami("extra")  # type: ignore[call-arg]  # takes nothing
    client.messages.send("c")  # type: ignore[call-arg]  # no content
    client.messages.send("c", "hi", "m1")  # type: ignore[call-arg]  # keyword-only
    client.messages.send("c", "hi", delivery_scope="whisper")  # type: ignore[arg-type]  # no such scope
    client.chats.create(["u"], kind="crowd")  # type: ignore[arg-type]  # no such kind
    client.messages.list("c", before=5)  # type: ignore[arg-type]  # a text
    other.me.whoami()["id"]  # type: ignore[index]  # not awaited
    callback: Callable[[str], Message] = client.messages.send  # type: ignore[assignment]  # needs content
    del callback
