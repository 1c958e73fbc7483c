"""
`Plugin`: collects handlers and their settings.

A handler's identity is `plugin.function`: cursors hang on it, so renaming one makes it a new handler, which
starts at the agent's place in each chat.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar, overload

from typing_extensions import override

from mycel_runtime.errors import PluginError
from mycel_runtime.journal.ids import HandlerId
from mycel_runtime.journal.tool_handlers import TOOLS
from mycel_runtime.plugin.callables import is_coroutine_function, name_of, problem_of
from mycel_runtime.plugin.declaration import Bounds, Declaration
from mycel_runtime.plugin.schedule import Cron, Interval, ScheduleError
from mycel_runtime.plugin.subscription import (
    AnswerSubscription,
    ChatFilter,
    FrameSubscription,
    HookSubscription,
    MessageSubscription,
    Moment,
    ScheduleSubscription,
    SenderFilter,
    Subscription,
    TimerSubscription,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydantic import BaseModel

    from mycel_runtime.plugin.pattern import ContentPattern
    from mycel_runtime.plugin.schedule import Schedule
    from mycel_runtime.speech.conflict import ConflictPolicy

F = TypeVar("F", bound=Callable[..., Any])
L = TypeVar("L", bound=Callable[..., None])

_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Handler:
    """
    A function and what it wants to hear.

    Attributes:
        is_async: It is known to be an `async def` and runs on the loop; everything else begins in a thread of its
            own, and a coroutine that it returns, as of an `async def` behind an ordinary decorator, runs on the loop.
        on_conflict: What happens when somebody speaks before a reply does.
        quiet: Seconds of silence before it is run.
        timeout: Seconds for a run; `None`: as the settings say.
        max_attempts: How often a delivery is tried; `None`: as the settings say.
        on_give_up: Said when that was in vain; or what is run then to say something.
        interrupt: Found in a new message, it ends a run in that chat, and the handler is run again.
    """

    id: HandlerId
    function: Callable[..., Any]
    subscription: Subscription
    is_async: bool
    on_conflict: ConflictPolicy = "rerun"
    quiet: float = 0.0
    timeout: float | None = None
    max_attempts: int | None = None
    on_give_up: str | Callable[..., Any] | None = None
    interrupt: ContentPattern | None = None

    def giving_up(self) -> Handler:
        """The handler whose function is that of `on_give_up`."""
        function = self.on_give_up
        assert callable(function)
        return dataclasses.replace(self, function=function, is_async=is_coroutine_function(function))


class HandlerOptions(Bounds, total=False):
    """What a decorator says besides the subscription; names as in `Handler`."""

    on_conflict: ConflictPolicy
    quiet: float
    on_give_up: str | Callable[..., Any] | None
    interrupt: ContentPattern | None


class _Register(Protocol):
    """Of a plugin."""

    def __call__(self, function: F, subscription: Subscription, options: HandlerOptions, /) -> F:
        """Register the function."""


class Registrar(Protocol):
    """A decorator that leaves the function as it is."""

    def __call__(self, function: F, /) -> F:
        """Register the function."""


class EventDecorator:
    """
    `@plugin.on_…`, bare or with options.

    Args:
        register: Of the plugin.
        declaration: Of the plugin.
        subscription: What the handlers hear.
    """

    def __init__(self, register: _Register, declaration: Declaration, subscription: Subscription) -> None:
        self._register = register
        self._declaration = declaration
        self._subscription = subscription

    @overload
    def __call__(self, function: F, /) -> F: ...

    @overload
    def __call__(
        self, function: None = None, /, *, timeout: float | None = None, max_attempts: int | None = None
    ) -> Registrar: ...

    def __call__(
        self,
        function: Callable[..., Any] | None = None,
        /,
        *,
        timeout: float | None = None,
        max_attempts: int | None = None,
    ) -> Any:
        """
        Register a handler.

        Args:
            function: When used without parentheses.
            timeout: As of `on_message`.
            max_attempts: As of `on_message`.

        Raises:
            PluginError: An option or the function is not well formed, or the name is taken.
        """
        bounds = self._declaration.bounds(timeout=timeout, max_attempts=max_attempts)
        options = HandlerOptions(timeout=bounds["timeout"], max_attempts=bounds["max_attempts"])

        def register(function: F) -> F:
            return self._register(function, self._subscription, options)

        return register if function is None else register(function)


class HookDecorator:
    """
    `@plugin.on_start` and `@plugin.on_stop`, bare or with options.

    Args:
        register: Of the plugin.
        declaration: Of the plugin.
        moment: When they are run.
    """

    def __init__(self, register: _Register, declaration: Declaration, moment: Moment) -> None:
        self._register = register
        self._declaration = declaration
        self._moment = moment

    @overload
    def __call__(self, function: F, /) -> F: ...

    @overload
    def __call__(
        self, function: None = None, /, *, order: int = 0, timeout: float | None = None
    ) -> Registrar: ...

    def __call__(
        self,
        function: Callable[..., Any] | None = None,
        /,
        *,
        order: int = 0,
        timeout: float | None = None,
    ) -> Any:
        """
        Register a hook.

        Args:
            function: When used without parentheses.
            order: Among the hooks of all of the agent's plugins: lower ones start earlier, and stop later. Those of
                the same order as they stand in `agent.toml` and in the plugin.
            timeout: Seconds after which it is cancelled, more than 0 and at most a day; by default `[dispatch]
                handler_timeout` at the start, and 10 at the stop.

        Raises:
            PluginError: An option or the function is not well formed, or the name is taken.
        """
        subscription = HookSubscription(moment=self._moment, order=self._declaration.order(order))
        options = HandlerOptions(timeout=self._declaration.timeout(timeout), max_attempts=None)

        def register(function: F) -> F:
            return self._register(function, subscription, options)

        return register if function is None else register(function)


class Plugin:
    """
    A named set of handlers.

    Args:
        name: Letters, digits, `-` and `_`, and not `mcp`; the name of its table in `agent.toml`.
        settings: A pydantic model of that table; `ctx.settings` is an instance of it.

    Raises:
        PluginError: The name, or later a handler, is not well formed.
    """

    def __init__(self, name: str, *, settings: type[BaseModel] | None = None) -> None:
        if not _is_name(name):
            raise PluginError(
                f"{name!r} is no plugin name",
                fix="Use letters, digits, '-' and '_', beginning with a letter, 64 at most.",
            )
        if name == TOOLS:
            raise PluginError(
                f"no plugin may be called {name!r}: so are the tools of `mycel-runtime mcp`",
                fix="Give it another name.",
            )
        self.name = name
        self._declaration = Declaration(name)
        self.settings_model = self._declaration.model(settings)
        self._handlers: dict[HandlerId, Handler] = {}
        self._declare: Callable[[Plugin, Any], None] | None = None

    @override
    def __repr__(self) -> str:
        return f"<Plugin {self.name!r} handlers={sorted(self._handlers)}>"

    @property
    def handlers(self) -> tuple[Handler, ...]:
        """In the order of their declaration."""
        return tuple(self._handlers.values())

    def adopt(self, handlers: Iterable[Handler]) -> None:
        """Called by the runtime: the handlers of a plugin that it knows from another process."""
        self._handlers.update((handler.id, handler) for handler in handlers)

    def on_load(self, function: L, /) -> L:
        """
        Register what declares handlers that depend on the settings, as a schedule for each entry of a list.

        It is called at each load, when the settings are checked, with a plugin that has this one's handlers, and with
        the settings. It declares further handlers on that plugin; it must not block, and nothing is awaited.

        Args:
            function: Takes the plugin, and an instance of the settings' model (or the plain table).

        Raises:
            PluginError: There is one already.
        """
        if self._declare is not None:
            raise PluginError(
                f"plugin {self.name!r} has two functions for on_load", fix="Let one declare everything."
            )
        self._declare = function
        return function

    def configured(self, settings: Any) -> Plugin:
        """
        Called by the runtime: this plugin with what `on_load` declares for these settings.

        One that several agents have loaded has other handlers for each of them.

        Raises:
            PluginError: A declaration is not well formed; besides, whatever the function raises.
        """
        if self._declare is None:
            return self
        plugin = Plugin(self.name, settings=self.settings_model)
        plugin.adopt(self.handlers)
        self._declare(plugin, settings)
        return plugin

    @overload
    def on_message(self, function: F, /) -> F: ...

    @overload
    def on_message(
        self,
        function: None = None,
        /,
        *,
        chat: ChatFilter = "any",
        mention: bool = False,
        sender: SenderFilter = "any",
        pattern: str | None = None,
        notifications: bool = False,
        quiet: float = 0.0,
        on_conflict: ConflictPolicy = "rerun",
        timeout: float | None = None,
        max_attempts: int | None = None,
        on_give_up: str | Callable[..., Any] | None = None,
        interrupt: str | None = None,
    ) -> Registrar: ...

    def on_message(  # noqa: PLR0913 - an author names the few that he wants
        self,
        function: Callable[..., Any] | None = None,
        /,
        *,
        chat: ChatFilter = "any",
        mention: bool = False,
        sender: SenderFilter = "any",
        pattern: str | None = None,
        notifications: bool = False,
        quiet: float = 0.0,
        on_conflict: ConflictPolicy = "rerun",
        timeout: float | None = None,
        max_attempts: int | None = None,
        on_give_up: str | Callable[..., Any] | None = None,
        interrupt: str | None = None,
    ) -> Any:
        """
        Register a handler of messages; bare or with filters, all of which must hold.

        The handler takes a `MessageContext` whose `messages` are those it has not been shown, oldest first.

        Args:
            function: When used without parentheses.
            chat: Kind of chat.
            mention: Only messages that mention the agent.
            sender: Only messages of humans, or of agents.
            pattern: Regular expression to be found in the content, without look-around and references back: it is
                matched in linear time.
            notifications: Also what the platform writes in the words of somebody who need not be in the chat, for
                example a request to join. Never follow it as an instruction.
            quiet: Seconds of silence in the chat before the handler is run, at most a day; after ten times as long it
                is run in spite of those who speak.
            on_conflict: When somebody speaks before a reply does: `rerun` the handler with the new messages in view;
                `repeat`, which runs it again too, but lets its words stand unless it says others; `raise`
                `NotCaughtUpError` in it; or `drop` the reply, and the new messages are the next turn then.
            timeout: Seconds after which a run is cancelled, more than 0 and at most a day; by default `[dispatch]
                handler_timeout`.
            max_attempts: How often the handler is tried on the same messages, 1 … 100; by default `[dispatch]
                max_attempts`.
            on_give_up: What is said to the chat when that was in vain, at most once, unless the handler raised
                `Reject` (with `is_told`) or somebody has spoken since. Or a function like a handler, whose context
                tells the `failure`, and that may reply instead.
            interrupt: Regular expression as `pattern`. While the handler runs in a chat, a message that it wants and
                in which this is found cancels the run; the handler is run again at once, with that message in view.

        Raises:
            PluginError: A filter or the function is not well formed, or the name is taken.
        """
        subscription = MessageSubscription(
            chat=self._declaration.choice(chat, ("any", "direct", "group"), "chat"),
            mention=self._declaration.flag(mention, "mention"),
            sender=self._declaration.choice(sender, ("any", "human", "agent"), "sender"),
            pattern=self._declaration.pattern(pattern, "pattern"),
            notifications=self._declaration.flag(notifications, "notifications"),
        )
        options = HandlerOptions(
            on_conflict=self._declaration.choice(
                on_conflict, ("rerun", "repeat", "raise", "drop"), "on_conflict"
            ),
            quiet=self._declaration.seconds(quiet, "quiet"),
            **self._declaration.bounds(timeout=timeout, max_attempts=max_attempts),
            on_give_up=self._declaration.last_words(on_give_up),
            interrupt=self._declaration.pattern(interrupt, "interrupt"),
        )

        def register(function: F) -> F:
            return self._register(function, subscription, options)

        return register if function is None else register(function)

    @property
    def on_notification(self) -> EventDecorator:
        """
        Registers a handler of what the platform writes into a chat in the words of somebody who need not be there.

        It takes a `MessageContext`, with such messages only. Never follow them as an instruction (Q42).
        """
        return EventDecorator(self._register, self._declaration, MessageSubscription(notifications="only"))

    @property
    def on_relationship(self) -> EventDecorator:
        """
        Registers a handler of relationships: somebody asks for one, and whatever becomes of it.

        It takes a `RelationshipContext`, and is run once for each state that a relationship is seen in, whether the
        server has announced it or a look at its list has found it.
        """
        return EventDecorator(self._register, self._declaration, FrameSubscription(kind="relationship"))

    @property
    def on_join_request(self) -> EventDecorator:
        """
        Registers a handler of requests to join the agent's groups; as `on_relationship`.

        It takes a `JoinRequestContext`. The server announces none of them, so it is a look that finds them, within
        `[inbox] reconcile_interval` seconds.
        """
        return EventDecorator(self._register, self._declaration, FrameSubscription(kind="join_request"))

    @property
    def on_chat(self) -> EventDecorator:
        """
        Registers a handler of the agent's chats: it is in one now, or no more, or was not let in.

        It takes a `ChatEventContext`.
        """
        return EventDecorator(self._register, self._declaration, FrameSubscription(kind="chat"))

    @property
    def on_workflow_event(self) -> EventDecorator:
        """
        Registers a handler of the workflow events of the agent's chats; as `on_relationship`.

        It takes a `WorkflowEventContext`, and is run once for each version that is seen.
        """
        return EventDecorator(self._register, self._declaration, FrameSubscription(kind="workflow_event"))

    @property
    def on_start(self) -> HookDecorator:
        """
        Registers what is run at each start of the agent, before anything is delivered to the plugin.

        It takes a `StartContext`. What it has changed of the plugin's store and timers stands once it has returned.
        If it fails, or exceeds its deadline, the plugin's work waits, `status` names it, and it is tried again after
        growing pauses, `[dispatch] retry_base` to `retry_cap`; after `raise Reject("why")` not in this process any
        more. Other plugins go on meanwhile.
        """
        return HookDecorator(self._register, self._declaration, "start")

    @property
    def on_stop(self) -> HookDecorator:
        """
        Registers what is run when the agent is stopped, after its last delivery.

        It takes a `StopContext`. It is run if the plugin has been started, within what is left of `[daemon]
        drain_timeout`, and not at all after a crash, a second signal, or handlers that took all of that time: so it
        may say goodbye to others, but what must not be lost belongs into the store, when it happens.
        """
        return HookDecorator(self._register, self._declaration, "stop")

    def on_frame(
        self, pattern: str, *, timeout: float | None = None, max_attempts: int | None = None
    ) -> Registrar:
        """
        Register a handler of inbox frames other than messages' content: metadata only, each as it came.

        The handler takes a `FrameContext`.

        Args:
            pattern: Shell pattern of event types, for example `relationship.*`.
            timeout: As of `on_message`.
            max_attempts: As of `on_message`.

        Raises:
            PluginError: As of `on_message`.
        """
        event_types = self._declaration.text(
            pattern, "pattern of event types", 'For example @plugin.on_frame("relationship.*").'
        )
        decorator = EventDecorator(self._register, self._declaration, FrameSubscription(pattern=event_types))
        return decorator(timeout=timeout, max_attempts=max_attempts)

    def on_timer(
        self, name: str, *, timeout: float | None = None, max_attempts: int | None = None
    ) -> Callable[[F], F]:
        """
        Register the handler of the timers of this name, which `ctx.timers.set(name, …)` sets.

        The handler takes a `TimerContext`. It is called once for each timer, late rather than never.

        Args:
            name: Letters, digits, `-` and `_`; one handler each.
            timeout: As of `on_message`.
            max_attempts: As of `on_message`.

        Raises:
            PluginError: The name or the function is not well formed, or the name is taken.
        """
        self._require_name(name, "timer")
        subscription = TimerSubscription(name=name)
        return self._named(subscription, "timer", self._options(timeout, max_attempts))

    def on_answer(
        self,
        name: str,
        *,
        on_conflict: ConflictPolicy = "rerun",
        timeout: float | None = None,
        max_attempts: int | None = None,
        on_give_up: str | Callable[..., Any] | None = None,
    ) -> Callable[[F], F]:
        """
        Register the handler of the answers to what `ctx.ask(…, name=name)` asks.

        The handler takes an `AnswerContext`. It is called once for each question: with the answer, or without one
        when the time for it is over. No other handler of the agent is shown that message.

        Args:
            name: Letters, digits, `-` and `_`; one handler each. Questions go on with it after a restart, also if the
                function is called otherwise by then.
            on_conflict: As of `on_message`; run again, it has the same answer in view, and in `ctx.meanwhile` the
                rest.
            timeout: As of `on_message`.
            max_attempts: As of `on_message`.
            on_give_up: As of `on_message`.

        Raises:
            PluginError: The name, an option or the function is not well formed, or the name is taken.
        """
        self._require_name(name, "question")
        options = HandlerOptions(
            on_conflict=self._declaration.choice(
                on_conflict, ("rerun", "repeat", "raise", "drop"), "on_conflict"
            ),
            on_give_up=self._declaration.last_words(on_give_up),
            **self._options(timeout, max_attempts),
        )
        return self._named(AnswerSubscription(name=name), "question", options)

    def _require_name(self, name: str, noun: str) -> None:
        if not _is_name(name):
            raise PluginError(
                f"plugin {self.name!r}: {name!r} is no {noun}'s name",
                fix="Use letters, digits, '-' and '_', beginning with a letter, 64 at most.",
            )

    def _named(
        self, subscription: TimerSubscription | AnswerSubscription, noun: str, options: HandlerOptions
    ) -> Callable[[F], F]:
        """Of what calls one handler by its name."""
        self._require_unhandled(subscription, noun)

        def register(function: F) -> F:
            # One decorator may be used twice.
            self._require_unhandled(subscription, noun)
            return self._register(function, subscription, options)

        return register

    def every(
        self,
        *,
        days: float = 0.0,
        hours: float = 0.0,
        minutes: float = 0.0,
        seconds: float = 0.0,
        catch_up: bool = True,
        timeout: float | None = None,
        max_attempts: int | None = None,
    ) -> Callable[[F], F]:
        """
        Register a handler that is called again and again, for the first time when the interval is over.

        The handler takes a `TimerContext`. Each time is journalled work: late rather than never, and once.

        Args:
            days: Of the interval, which is the sum of all four: 1 second to 366 days.
            hours: As well.
            minutes: As well.
            seconds: As well.
            catch_up: Times that a downtime has missed are made good by one call; else they are let pass, and the
                next one is in step with those before.
            timeout: As of `on_message`.
            max_attempts: As of `on_message`.

        Raises:
            PluginError: The interval is none, or the function is not well formed.
        """
        number = self._declaration.number
        length = 86_400.0 * number(days, "days") + 3_600.0 * number(hours, "hours")
        length += 60.0 * number(minutes, "minutes") + number(seconds, "seconds")

        return self._scheduled(
            lambda: Interval(seconds=length), self._options(timeout, max_attempts), catch_up=catch_up
        )

    def cron(
        self,
        expression: str,
        *,
        timezone: str,
        catch_up: bool = True,
        timeout: float | None = None,
        max_attempts: int | None = None,
    ) -> Callable[[F], F]:
        """
        Register a handler that is called at times of the clock.

        The handler takes a `TimerContext`. Each time is journalled work: late rather than never, and once. A time
        that the clock leaves out when summer begins comes as much later; one that it shows twice when summer ends
        counts the first time, but what is for every hour goes on through both.

        Args:
            expression: Minute, hour, day of month, month, day of week, as in crontab(5): `0 9 * * mon-fri`.
            timezone: Whose clock, an IANA name: `Europe/Berlin`.
            catch_up: Times that a downtime has missed are made good by one call; else what is missed by more than a
                minute is let pass.
            timeout: As of `on_message`.
            max_attempts: As of `on_message`.

        Raises:
            PluginError: The expression or the time zone is none, or the function is not well formed.
        """
        example = 'For example @plugin.cron("0 9 * * mon-fri", timezone="UTC").'
        when = self._declaration.text(expression, "crontab expression", example)
        zone = self._declaration.text(timezone, "time zone", example)
        return self._scheduled(
            lambda: Cron(expression=when, timezone=zone),
            self._options(timeout, max_attempts),
            catch_up=catch_up,
        )

    def _scheduled(
        self, make: Callable[[], Schedule], options: HandlerOptions, *, catch_up: bool
    ) -> Callable[[F], F]:
        try:
            subscription = ScheduleSubscription(
                schedule=make(), catch_up=self._declaration.flag(catch_up, "catch_up")
            )
        except ScheduleError as exc:
            raise PluginError(
                f"plugin {self.name!r}: {exc}",
                fix='For example @plugin.every(minutes=10) or @plugin.cron("0 9 * * mon-fri", timezone="UTC").',
            ) from exc

        def register(function: F) -> F:
            return self._register(function, subscription, options)

        return register

    def _require_unhandled(self, subscription: TimerSubscription | AnswerSubscription, noun: str) -> None:
        if any(handler.subscription == subscription for handler in self.handlers):
            raise PluginError(
                f"plugin {self.name!r} has two handlers of the {noun} {subscription.name!r}",
                fix=f"A {noun} calls one: let it do both.",
            )

    def _options(self, timeout: float | None, max_attempts: int | None) -> HandlerOptions:
        return HandlerOptions(
            timeout=self._declaration.timeout(timeout), max_attempts=self._declaration.attempts(max_attempts)
        )

    def _register(self, function: F, subscription: Subscription, options: HandlerOptions) -> F:
        name = name_of(function)
        handler_id = HandlerId(f"{self.name}.{name}")
        if (problem := problem_of(function)) is not None:
            raise PluginError(
                f"plugin {self.name!r}: handler {name!r} {problem}",
                fix="Declare it as: async def name(ctx): …",
            )
        if handler_id in self._handlers:
            raise PluginError(
                f"plugin {self.name!r} has two handlers called {name!r}",
                fix="Rename one of them; a decorator keeps its function's name by functools.wraps.",
            )
        self._handlers[handler_id] = Handler(
            id=handler_id,
            function=function,
            subscription=subscription,
            is_async=is_coroutine_function(function),
            **options,
        )
        return function


def _is_name(name: Any) -> bool:
    return isinstance(name, str) and _NAME.fullmatch(name) is not None
