"""
The resource groups of both clients, side by side.

Names are the reference SDK's (contract 3.2); what each method takes and does stands at its function in `calls`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mycel_runtime.sdk import calls
from mycel_runtime.sdk.history import Walk
from mycel_runtime.sdk.method import AwaitingGroup, BlockingGroup, awaiting, blocking

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

    from mycel_runtime.wire.resources import Message


class Auth(BlockingGroup):
    """Logging in and making users."""

    login = blocking(calls.login)
    send_otp = blocking(calls.send_otp)
    verify_otp = blocking(calls.verify_otp)
    complete_register = blocking(calls.complete_register)
    create_guest_owner = blocking(calls.create_guest_owner)
    create_external_user = blocking(calls.create_external_user)


class AsyncAuth(AwaitingGroup):
    """Logging in and making users."""

    login = awaiting(calls.login)
    send_otp = awaiting(calls.send_otp)
    verify_otp = awaiting(calls.verify_otp)
    complete_register = awaiting(calls.complete_register)
    create_guest_owner = awaiting(calls.create_guest_owner)
    create_external_user = awaiting(calls.create_external_user)


class Me(BlockingGroup):
    """The token's own user."""

    whoami = blocking(calls.whoami)


class AsyncMe(AwaitingGroup):
    """The token's own user."""

    whoami = awaiting(calls.whoami)


class Users(BlockingGroup):
    """Other users."""

    create_external = blocking(calls.create_external_user)


class AsyncUsers(AwaitingGroup):
    """Other users."""

    create_external = awaiting(calls.create_external_user)


class Agents(BlockingGroup):
    """Managed agents."""

    list = blocking(calls.list_agents)
    create = blocking(calls.create_agent)


class AsyncAgents(AwaitingGroup):
    """Managed agents."""

    list = awaiting(calls.list_agents)
    create = awaiting(calls.create_agent)


class Threads(BlockingGroup):
    """Threads of managed agents."""

    create = blocking(calls.create_thread)


class AsyncThreads(AwaitingGroup):
    """Threads of managed agents."""

    create = awaiting(calls.create_thread)


class Chats(BlockingGroup):
    """Chats, their members, join requests, workflow and tasks."""

    list = blocking(calls.list_chats)
    get = blocking(calls.get_chat)
    create = blocking(calls.create_chat)
    direct = blocking(calls.ensure_direct)
    ensure_direct = blocking(calls.ensure_direct)
    add_member = blocking(calls.add_member)
    join_target = blocking(calls.join_target)
    list_join_requests = blocking(calls.list_join_requests)
    request_join = blocking(calls.request_join)
    approve_join = blocking(calls.approve_join)
    reject_join = blocking(calls.reject_join)
    mute_member = blocking(calls.mute_member)
    unmute_member = blocking(calls.unmute_member)
    get_workflow = blocking(calls.get_workflow)
    set_workflow = blocking(calls.set_workflow)
    delete_workflow = blocking(calls.delete_workflow)
    list_workflow_events = blocking(calls.list_workflow_events)
    create_workflow_event = blocking(calls.create_workflow_event)
    get_workflow_event = blocking(calls.get_workflow_event)
    update_workflow_event = blocking(calls.update_workflow_event)
    delete_workflow_event = blocking(calls.delete_workflow_event)
    list_tasks = blocking(calls.list_tasks)
    create_task = blocking(calls.create_task)
    get_task = blocking(calls.get_task)
    update_task = blocking(calls.update_task)
    delete_task = blocking(calls.delete_task)


class AsyncChats(AwaitingGroup):
    """Chats, their members, join requests, workflow and tasks."""

    list = awaiting(calls.list_chats)
    get = awaiting(calls.get_chat)
    create = awaiting(calls.create_chat)
    direct = awaiting(calls.ensure_direct)
    ensure_direct = awaiting(calls.ensure_direct)
    add_member = awaiting(calls.add_member)
    join_target = awaiting(calls.join_target)
    list_join_requests = awaiting(calls.list_join_requests)
    request_join = awaiting(calls.request_join)
    approve_join = awaiting(calls.approve_join)
    reject_join = awaiting(calls.reject_join)
    mute_member = awaiting(calls.mute_member)
    unmute_member = awaiting(calls.unmute_member)
    get_workflow = awaiting(calls.get_workflow)
    set_workflow = awaiting(calls.set_workflow)
    delete_workflow = awaiting(calls.delete_workflow)
    list_workflow_events = awaiting(calls.list_workflow_events)
    create_workflow_event = awaiting(calls.create_workflow_event)
    get_workflow_event = awaiting(calls.get_workflow_event)
    update_workflow_event = awaiting(calls.update_workflow_event)
    delete_workflow_event = awaiting(calls.delete_workflow_event)
    list_tasks = awaiting(calls.list_tasks)
    create_task = awaiting(calls.create_task)
    get_task = awaiting(calls.get_task)
    update_task = awaiting(calls.update_task)
    delete_task = awaiting(calls.delete_task)


class Messages(BlockingGroup):
    """Reading and speaking."""

    list = blocking(calls.list_messages)
    unread = blocking(calls.unread_messages)
    read = blocking(calls.read_messages)
    mark_read = blocking(calls.mark_read)
    send = blocking(calls.send_message)

    def iterate(
        self,
        chat_id: str,
        *,
        max_messages: int | None = None,
        page_size: int = 200,
        before: str | None = None,
    ) -> Iterator[Message]:
        """
        Messages newest first, a page at a time as it is asked for.

        Args:
            chat_id: The chat.
            max_messages: At least 1; `None` for all.
            page_size: 1 … 200.
            before: A seq as text, exclusive.

        Raises:
            ValueError: An argument is out of range.
            ApiError: A page cannot be read; what was yielded stays good.
        """
        walk = Walk(page_size=page_size, max_messages=max_messages, before=before)
        while not walk.is_done and (page := self.list(chat_id, **walk.next_page)):
            yield from walk.take(page)

    def list_all(
        self,
        chat_id: str,
        *,
        max_messages: int | None = None,
        page_size: int = 200,
        before: str | None = None,
    ) -> Sequence[Message]:
        """
        The newest `max_messages` (all, if `None`), ascending; arguments and errors as `iterate`.

        Raises:
            InvalidResponseError: The server's pages do not move.
        """
        newest_first = self.iterate(chat_id, max_messages=max_messages, page_size=page_size, before=before)
        return list(newest_first)[::-1]


class AsyncMessages(AwaitingGroup):
    """Reading and speaking."""

    list = awaiting(calls.list_messages)
    unread = awaiting(calls.unread_messages)
    read = awaiting(calls.read_messages)
    mark_read = awaiting(calls.mark_read)
    send = awaiting(calls.send_message)

    async def iterate(
        self,
        chat_id: str,
        *,
        max_messages: int | None = None,
        page_size: int = 200,
        before: str | None = None,
    ) -> AsyncIterator[Message]:
        """As `Messages.iterate`."""
        walk = Walk(page_size=page_size, max_messages=max_messages, before=before)
        while not walk.is_done and (page := await self.list(chat_id, **walk.next_page)):
            for message in walk.take(page):
                yield message

    async def list_all(
        self,
        chat_id: str,
        *,
        max_messages: int | None = None,
        page_size: int = 200,
        before: str | None = None,
    ) -> Sequence[Message]:
        """As `Messages.list_all`."""
        newest_first = self.iterate(chat_id, max_messages=max_messages, page_size=page_size, before=before)
        return [message async for message in newest_first][::-1]


class Relationships(BlockingGroup):
    """Relationships with other users."""

    list = blocking(calls.list_relationships)
    request = blocking(calls.request_relationship)
    approve = blocking(calls.approve_relationship)
    reject = blocking(calls.reject_relationship)
    upgrade = blocking(calls.upgrade_relationship)
    revoke = blocking(calls.revoke_relationship)
    downgrade = blocking(calls.downgrade_relationship)


class AsyncRelationships(AwaitingGroup):
    """Relationships with other users."""

    list = awaiting(calls.list_relationships)
    request = awaiting(calls.request_relationship)
    approve = awaiting(calls.approve_relationship)
    reject = awaiting(calls.reject_relationship)
    upgrade = awaiting(calls.upgrade_relationship)
    revoke = awaiting(calls.revoke_relationship)
    downgrade = awaiting(calls.downgrade_relationship)
