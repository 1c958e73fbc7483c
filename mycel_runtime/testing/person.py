"""Somebody whom the test speaks for: a human, or an agent of somebody else's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias, TypeVar

from typing_extensions import override

from mycel_runtime.plugin.message import message_from_api
from mycel_runtime.testing.expectation import described, is_met

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from pydantic import SecretStr

    from mycel_runtime.plugin.message import Message
    from mycel_runtime.sdk import AsyncClient
    from mycel_runtime.testing.agent import Agent
    from mycel_runtime.testing.chat import Chat
    from mycel_runtime.testing.expectation import Expectation
    from mycel_runtime.wire import resources
    from mycel_runtime.wire.ids import ChatId, UserId

T = TypeVar("T")

PATIENCE_SECONDS: Final = 10.0
"""Until somebody gives up listening; real seconds, however far the clock has jumped."""


class Surroundings(Protocol):
    """What somebody needs of the Mycel that he is on."""

    async def ask(self, verb: str, **arguments: Any) -> Any:
        """Use one of the tools of the backend's owner."""

    async def chat_of(self, person: Person, place: Place | None) -> Chat:
        """The chat that is meant."""

    def chat(self, chat_id: ChatId) -> Chat:
        """One of those that he is in."""

    def type_of(self, user_id: str) -> str:
        """What somebody is."""

    async def await_found(self, find: Callable[[], Awaitable[T | None]], *, within: float) -> T | None:
        """What `find` finds first."""

    async def settles(self, *, within: float = PATIENCE_SECONDS) -> None:
        """Wait for all agents."""

    async def report(self) -> str:
        """What went wrong in handlers."""


class Person:
    """
    Somebody who speaks and listens. `Mycel.human` and `Mycel.peer` make one.

    Attributes:
        id: The user id.
        name: The display name.
        token: For programs of the test's own.
        sdk: The whole API as this person, for what is not made short here.
    """

    def __init__(
        self, mycel: Surroundings, *, user_id: UserId, name: str, token: SecretStr, sdk: AsyncClient
    ) -> None:
        self.id, self.name, self.token, self.sdk = user_id, name, token, sdk
        self._mycel = mycel
        self._heard: dict[ChatId, int] = {}

    @override
    def __repr__(self) -> str:
        return f"<Person {self.name!r}>"

    async def says(
        self, text: str, *, to: Place | None = None, mentions: Sequence[Person | Agent] = ()
    ) -> Message:
        """
        Say something; faults do not hit it, they are for the agents.

        Args:
            text: Not blank.
            to: A chat, or somebody, in the direct chat with him; by default the only agent there is.
            mentions: A mention silences everybody else in a group (Q32).

        Returns:
            What stands in the chat.

        Raises:
            ArgumentError: There is no only agent.
            ControlError: It cannot be said there.
        """
        chat = await self._mycel.chat_of(self, to)
        mentioned = [each.id for each in mentions]
        said = await self._mycel.ask(
            "say", user_id=self.id, chat_id=chat.id, content=text, mentioned_ids=mentioned
        )
        return message_from_api(said, me=self.id, sender_type=self._mycel.type_of(self.id))

    async def hears(
        self, expected: Expectation = None, *, where: Place | None = None, within: float = PATIENCE_SECONDS
    ) -> Message:
        """
        Listen until somebody else says what is expected, and what was not listened to before.

        What is due only later is not waited for: the clock jumps there. If nothing is left that anybody might still
        say, the wait ends.

        Args:
            expected: The whole text, a compiled pattern to be found in it, or a function of a `Message`; by default
                anything. What comes before it is passed over.
            where: A chat, or the direct chat with somebody; by default all chats.
            within: Real seconds.

        Returns:
            The message.

        Raises:
            AssertionError: Nobody has said it; tells what was said instead, and what became of the handlers.

        Cancelling: nothing counts as listened to.
        """
        __tracebackhide__ = True
        chat = None if where is None else await self._mycel.chat_of(self, where)
        found = await self._mycel.await_found(lambda: self._find(expected, chat), within=within)
        if found is None:
            raise AssertionError(
                await self._failure(f"{self.name} has not heard {described(expected)}", chat)
            )
        self._heard[found.chat_id] = found.seq
        return found

    async def hears_nothing(
        self, unexpected: Expectation = None, *, where: Place | None = None, within: float = PATIENCE_SECONDS
    ) -> None:
        """
        Make sure that nobody else says anything more, by now: the clock does not jump (`Mycel.passes` lets it).

        Args:
            unexpected: Only what meets this; as of `hears`.
            where: As of `hears`.
            within: Real seconds until all must have become quiet.

        Raises:
            AssertionError: Somebody has, or it does not become quiet.
        """
        __tracebackhide__ = True
        chat = None if where is None else await self._mycel.chat_of(self, where)
        await self._mycel.settles(within=within)
        if (found := await self._find(unexpected, chat)) is not None:
            raise AssertionError(await self._failure(f"{self.name} has heard {found.content!r}", chat))

    async def requests(self, other: Person | Agent, message: str | None = None) -> None:
        """
        Ask somebody for a relationship.

        Raises:
            ApiError: There is one already, for example.
        """
        await self.sdk.relationships.request(other.id, message=message)

    async def relationship_with(self, other: Person | Agent) -> str:
        """`pending`, `visit`, `hire`, or empty: there is none."""
        states = {row["other_user_id"]: row["state"] for row in await self.sdk.relationships.list()}
        return states.get(other.id, "")

    async def asks_to_join(self, chat: Chat, message: str | None = None) -> None:
        """
        Wish to join a group.

        Raises:
            ApiError: He is in it, for example.
        """
        await self.sdk.chats.request_join(chat.id, message=message)

    async def transcript(self, where: Place | None = None) -> str:
        """The conversation as text; by default of all chats."""
        chat = None if where is None else await self._mycel.chat_of(self, where)
        messages = await self._overheard({}, chat)
        chats = [chat] if chat else [self._mycel.chat(each) for each in {m.chat_id: None for m in messages}]
        said = {each.id: [message for message in messages if message.chat_id == each.id] for each in chats}
        texts = [each.transcript(said[each.id]) for each in chats]
        return "\n".join(texts or [f"({self.name} is in no chat in which anybody has spoken)"])

    async def _find(self, expected: Expectation, chat: Chat | None) -> Message | None:
        for told in await self._told(self._heard, chat):
            if told["sender_id"] != self.id and is_met(expected, message := self._message(told)):
                return message
        return None

    async def _overheard(self, after: Mapping[ChatId, int], chat: Chat | None) -> list[Message]:
        """What has been said there since, or wherever he is."""
        return [self._message(told) for told in await self._told(after, chat)]

    async def _told(self, after: Mapping[ChatId, int], chat: Chat | None) -> list[resources.Message]:
        """The same, as the API shows it."""
        told = await self._mycel.ask("overhear", user_id=self.id, after=dict(after))
        return [each for each in told if chat is None or each["chat_id"] == chat.id]

    def _message(self, told: resources.Message) -> Message:
        return message_from_api(told, me=self.id, sender_type=self._mycel.type_of(told["sender_id"]))

    async def _failure(self, what: str, chat: Chat | None) -> str:
        parts = [f"{what}.", await self.transcript(chat), await self._mycel.report()]
        return "\n".join(filter(None, parts))


Place: TypeAlias = "Chat | Person | Agent"
"""Where something is said: a chat, or the direct chat with somebody."""
