"""A plugin's handlers as its process describes them, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mycel_runtime.errors import PluginError, PluginImportError
from mycel_runtime.journal.ids import HandlerId
from mycel_runtime.plugin.handler import Handler
from mycel_runtime.plugin.isolation.messages import (
    Described,
    FramePattern,
    HandlerDescription,
    HookMoment,
    MessageFilters,
    QuestionName,
    Refused,
    ScheduleText,
    TimerName,
)
from mycel_runtime.plugin.pattern import ContentPattern
from mycel_runtime.plugin.schedule import schedule_from
from mycel_runtime.plugin.subscription import (
    AnswerSubscription,
    FrameSubscription,
    HookSubscription,
    MessageSubscription,
    ScheduleSubscription,
    TimerSubscription,
)

if TYPE_CHECKING:
    from mycel_runtime.plugin.loading import ImportedPlugin
    from mycel_runtime.plugin.subscription import Subscription


def described(imported: ImportedPlugin) -> Described:
    """What the process of a loaded plugin says of it."""
    return Described(
        plugin=imported.plugin.name,
        origin=imported.origin,
        version=imported.version,
        handlers=tuple(
            HandlerDescription(
                id=handler.id,
                is_async=handler.is_async,
                on_conflict=handler.on_conflict,
                quiet=handler.quiet,
                timeout=handler.timeout,
                max_attempts=handler.max_attempts,
                on_give_up=True if callable(handler.on_give_up) else handler.on_give_up,
                interrupt=None if handler.interrupt is None else handler.interrupt.source,
                subscription=_subscription_said(handler.subscription),
            )
            for handler in imported.plugin.handlers
        ),
    )


def refused(error: PluginError) -> Refused:
    """What a process says that could not load its plugin."""
    return Refused(
        problem=error.problem,
        where=error.where,
        fix=error.fix,
        is_import=isinstance(error, PluginImportError),
    )


def handlers_from(said: Described) -> tuple[Handler, ...]:
    """The handlers of an isolated plugin, which can be called in its process only."""
    return tuple(
        Handler(
            id=HandlerId(handler.id),
            function=_not_here,
            subscription=_subscription_from(handler.subscription),
            is_async=handler.is_async,
            on_conflict=handler.on_conflict,
            quiet=handler.quiet,
            timeout=handler.timeout,
            max_attempts=handler.max_attempts,
            on_give_up=_not_here if handler.on_give_up is True else handler.on_give_up,
            interrupt=None if handler.interrupt is None else ContentPattern(handler.interrupt),
        )
        for handler in said.handlers
    )


def require_described(said: Described | Refused) -> Described:
    """
    Go on with a plugin that could be loaded.

    Raises:
        PluginImportError, PluginError: It could not.
    """
    if isinstance(said, Described):
        return said
    kind = PluginImportError if said.is_import else PluginError
    raise kind(said.problem, where=said.where, fix=said.fix)


def _not_here(_: object) -> None:
    raise AssertionError("this handler runs in a process of its plugin only")


def _subscription_said(
    subscription: Subscription,
) -> MessageFilters | FramePattern | TimerName | QuestionName | ScheduleText | HookMoment:
    match subscription:
        case FrameSubscription(pattern=pattern, kind=kind):
            return FramePattern(pattern=pattern, event_kind=kind)
        case TimerSubscription(name=name):
            return TimerName(name=name)
        case AnswerSubscription(name=name):
            return QuestionName(name=name)
        case ScheduleSubscription(schedule=schedule, catch_up=catch_up):
            return ScheduleText(schedule=schedule.text, catch_up=catch_up)
        case HookSubscription(moment=moment, order=order):
            return HookMoment(moment=moment, order=order)
        case MessageSubscription():
            return _filters_said(subscription)


def _filters_said(subscription: MessageSubscription) -> MessageFilters:
    pattern = subscription.pattern
    return MessageFilters(
        chat=subscription.chat,
        mention=subscription.mention,
        sender=subscription.sender,
        pattern=None if pattern is None else pattern.source,
        notifications=subscription.notifications,
    )


def _subscription_from(
    said: MessageFilters | FramePattern | TimerName | QuestionName | ScheduleText | HookMoment,
) -> Subscription:
    match said:
        case FramePattern(pattern=pattern, event_kind=kind):
            return FrameSubscription(pattern=pattern, kind=kind)
        case TimerName(name=name):
            return TimerSubscription(name=name)
        case QuestionName(name=name):
            return AnswerSubscription(name=name)
        case ScheduleText(schedule=text, catch_up=catch_up):
            return ScheduleSubscription(schedule=schedule_from(text), catch_up=catch_up)
        case HookMoment(moment=moment, order=order):
            return HookSubscription(moment=moment, order=order)
        case MessageFilters():
            return _filters_from(said)


def _filters_from(said: MessageFilters) -> MessageSubscription:
    return MessageSubscription(
        chat=said.chat,
        mention=said.mention,
        sender=said.sender,
        pattern=None if said.pattern is None else ContentPattern(said.pattern),
        notifications=said.notifications,
    )
