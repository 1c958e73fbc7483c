"""Timers and schedules are checked where they are declared."""

from __future__ import annotations

import pytest

from mycel_runtime import Plugin
from mycel_runtime.errors import PluginError
from mycel_runtime.plugin.isolation.description import described, handlers_from
from mycel_runtime.plugin.loading import ImportedPlugin
from mycel_runtime.plugin.schedule import Cron, Interval
from mycel_runtime.plugin.subscription import ScheduleSubscription, TimerSubscription


async def handle(ctx): ...


def named(name):
    async def function(ctx): ...

    function.__name__ = name
    return function


@pytest.fixture
def plugin():
    return Plugin("p")


def test_each_says_when_its_handler_is_called(plugin):
    plugin.on_timer("remind", timeout=5, max_attempts=2)(handle)

    (handler,) = plugin.handlers
    assert handler.subscription == TimerSubscription(name="remind")
    assert (handler.timeout, handler.max_attempts) == (5.0, 2)


@pytest.mark.parametrize(
    ("declare", "schedule", "catch_up"),
    [
        (lambda plugin: plugin.every(days=1, hours=2, minutes=3, seconds=4), Interval(seconds=93_784), True),
        (lambda plugin: plugin.every(minutes=0.5, catch_up=False), Interval(seconds=30), False),
        (
            lambda plugin: plugin.cron("0 9 * * mon-fri", timezone="Europe/Berlin", catch_up=False),
            Cron(expression="0 9 * * mon-fri", timezone="Europe/Berlin"),
            False,
        ),
    ],
)
def test_a_schedule_is_declared(plugin, declare, schedule, catch_up):
    declare(plugin)(handle)

    (handler,) = plugin.handlers
    assert handler.subscription == ScheduleSubscription(schedule=schedule, catch_up=catch_up)


@pytest.mark.parametrize(
    ("declare", "problem"),
    [
        (lambda plugin: plugin.on_timer(""), "no timer's name"),
        (lambda plugin: plugin.on_timer("@often"), "no timer's name"),
        (lambda plugin: plugin.on_timer(handle), "no timer's name"),
        (lambda plugin: plugin.on_timer("remind", timeout=0), "timeout"),
        (lambda plugin: plugin.every(), "an interval is 1 second to 366 days"),
        (lambda plugin: plugin.every(days=1_000), "an interval is 1 second to 366 days"),
        (lambda plugin: plugin.cron("at nine", timezone="UTC"), "2 fields"),
        (lambda plugin: plugin.cron("0 9 * * *", timezone="Nowhere"), "no time zone 'Nowhere'"),
        (lambda plugin: plugin.cron(9, timezone="UTC"), "9 is no crontab expression"),
        (lambda plugin: plugin.cron(handle, timezone="UTC"), "a function is no crontab expression"),
        (lambda plugin: plugin.cron("0 9 * * *", timezone=None), "None is no time zone"),
        (lambda plugin: plugin.on_timer(None), "None is no timer's name"),
        (lambda plugin: plugin.every(hours="6"), "hours='6' is no number"),
        (lambda plugin: plugin.every(hours=6, catch_up="no"), "catch_up='no' is neither True nor False"),
    ],
)
def test_what_is_no_time_is_refused_with_the_plugins_name(plugin, declare, problem):
    with pytest.raises(PluginError, match=problem) as refused:
        declare(plugin)
    assert "plugin 'p'" in str(refused.value)


def test_a_timer_has_one_handler(plugin):
    plugin.on_timer("remind")(handle)

    with pytest.raises(PluginError, match="two handlers of the timer 'remind'"):
        plugin.on_timer("remind")

    decorate = plugin.on_timer("again")
    decorate(named("one"))
    with pytest.raises(PluginError, match="two handlers of the timer 'again'"):
        decorate(named("other"))


def test_what_is_declared_in_a_process_of_its_own_is_known_here(plugin):
    plugin.on_timer("remind", max_attempts=3)(named("remind"))
    plugin.every(hours=1, catch_up=False)(named("often"))
    plugin.cron("0 9 * * mon", timezone="Europe/Berlin")(named("morning"))
    said = described(ImportedPlugin(plugin=plugin, settings=None, origin="", version=""))

    assert [(each.id, each.subscription, each.max_attempts) for each in handlers_from(said)] == [
        (each.id, each.subscription, each.max_attempts) for each in plugin.handlers
    ]
