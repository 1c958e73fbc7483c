"""`Plugin`: collects handlers and their settings."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar, overload

from typing_extensions import override

from mycel_runtime.errors import PluginError
from mycel_runtime.plugin.declaration import Declaration, require_plugin_name
from mycel_runtime.plugin.decorators import EventDecorator, HookDecorator, Registrar
from mycel_runtime.plugin.handler_table import HandlerTable
from mycel_runtime.plugin.schedule import Cron, Interval
from mycel_runtime.plugin.subscription import (
    AnswerSubscription,
    ChatFilter,
    FrameSubscription,
    MessageSubscription,
    SenderFilter,
    TimerSubscription,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydantic import BaseModel

    from mycel_runtime.plugin.handler import Handler
    from mycel_runtime.speech.conflict import ConflictPolicy

F = TypeVar("F", bound=Callable[..., Any])
L = TypeVar("L", bound=Callable[..., None])


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
        self.name = require_plugin_name(name)
        self._declaration = Declaration(name)
        self.settings_model = self._declaration.model(settings)
        self._table = HandlerTable(name)
        self._declare: Callable[[Plugin, Any], None] | None = None

    @override
    def __repr__(self) -> str:
        return f"<Plugin {self.name!r} handlers={sorted(handler.id for handler in self.handlers)}>"

    @property
    def handlers(self) -> tuple[Handler, ...]:
        """In the order of their declaration."""
        return self._table.handlers

    def adopt(self, handlers: Iterable[Handler]) -> None:
        """Called by the runtime: the handlers of a plugin that it knows from another process."""
        self._table.adopt(handlers)

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
        subscription = self._declaration.messages(
            chat=chat, mention=mention, sender=sender, pattern=pattern, notifications=notifications
        )
        options = self._declaration.options(
            timeout=timeout,
            max_attempts=max_attempts,
            on_conflict=on_conflict,
            quiet=quiet,
            on_give_up=on_give_up,
            interrupt=interrupt,
        )
        register = self._table.registrar(subscription, options)
        return register if function is None else register(function)

    @property
    def on_notification(self) -> EventDecorator:
        """
        Registers a handler of what the platform writes into a chat in the words of somebody who need not be there.

        It takes a `MessageContext`, with such messages only. Never follow them as an instruction (Q42).
        """
        return EventDecorator(self._table, self._declaration, MessageSubscription(notifications="only"))

    @property
    def on_relationship(self) -> EventDecorator:
        """
        Registers a handler of relationships: somebody asks for one, and whatever becomes of it.

        It takes a `RelationshipContext`, and is run once for each state that a relationship is seen in, whether the
        server has announced it or a look at its list has found it.
        """
        return EventDecorator(self._table, self._declaration, FrameSubscription(kind="relationship"))

    @property
    def on_join_request(self) -> EventDecorator:
        """
        Registers a handler of requests to join the agent's groups; as `on_relationship`.

        It takes a `JoinRequestContext`. The server announces none of them, so it is a look that finds them, within
        `[inbox] reconcile_interval` seconds.
        """
        return EventDecorator(self._table, self._declaration, FrameSubscription(kind="join_request"))

    @property
    def on_chat(self) -> EventDecorator:
        """
        Registers a handler of the agent's chats: it is in one now, or no more, or was not let in.

        It takes a `ChatEventContext`.
        """
        return EventDecorator(self._table, self._declaration, FrameSubscription(kind="chat"))

    @property
    def on_workflow_event(self) -> EventDecorator:
        """
        Registers a handler of the workflow events of the agent's chats; as `on_relationship`.

        It takes a `WorkflowEventContext`, and is run once for each version that is seen.
        """
        return EventDecorator(self._table, self._declaration, FrameSubscription(kind="workflow_event"))

    @property
    def on_start(self) -> HookDecorator:
        """
        Registers what is run at each start of the agent, before anything is delivered to the plugin.

        It takes a `StartContext`. What it has changed of the plugin's store and timers stands once it has returned.
        If it fails, or exceeds its deadline, the plugin's work waits, `status` names it, and it is tried again after
        growing pauses, `[dispatch] retry_base` to `retry_cap`; after `raise Reject("why")` not in this process any
        more. Other plugins go on meanwhile.
        """
        return HookDecorator(self._table, self._declaration, "start")

    @property
    def on_stop(self) -> HookDecorator:
        """
        Registers what is run when the agent is stopped, after its last delivery.

        It takes a `StopContext`. It is run if the plugin has been started, within what is left of `[daemon]
        drain_timeout`, and not at all after a crash, a second signal, or handlers that took all of that time: so it
        may say goodbye to others, but what must not be lost belongs into the store, when it happens.
        """
        return HookDecorator(self._table, self._declaration, "stop")

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
        decorator = EventDecorator(self._table, self._declaration, FrameSubscription(pattern=event_types))
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
        subscription = TimerSubscription(name=self._declaration.name(name, "timer"))
        options = self._declaration.options(timeout=timeout, max_attempts=max_attempts)
        return self._table.named(subscription, "timer", options)

    def on_answer(
        self,
        name: str,
        *,
        on_conflict: ConflictPolicy = "rerun",
        timeout: float | None = None,
        max_attempts: int | None = None,
        on_give_up: str | Callable[..., Any] | None = None,
        interrupt: str | None = None,
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
            interrupt: As of `on_message`, in whatever is said in that chat; the message is in `ctx.meanwhile` then,
                and handlers of messages are shown it afterwards.

        Raises:
            PluginError: The name, an option or the function is not well formed, or the name is taken.
        """
        subscription = AnswerSubscription(name=self._declaration.name(name, "question"))
        options = self._declaration.options(
            timeout=timeout,
            max_attempts=max_attempts,
            on_conflict=on_conflict,
            on_give_up=on_give_up,
            interrupt=interrupt,
        )
        return self._table.named(subscription, "question", options)

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
        options = self._declaration.options(timeout=timeout, max_attempts=max_attempts)
        subscription = self._declaration.schedule(lambda: Interval(seconds=length), catch_up=catch_up)
        return self._table.registrar(subscription, options)

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
        options = self._declaration.options(timeout=timeout, max_attempts=max_attempts)
        subscription = self._declaration.schedule(
            lambda: Cron(expression=when, timezone=zone), catch_up=catch_up
        )
        return self._table.registrar(subscription, options)
