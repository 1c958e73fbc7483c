"""Hooks of the start and the stop are checked where they are declared."""

from __future__ import annotations

import pytest

from mycel_runtime import Plugin
from mycel_runtime.errors import PluginError
from mycel_runtime.plugin.isolation.description import described, handlers_from
from mycel_runtime.plugin.loading import ImportedPlugin
from mycel_runtime.plugin.subscription import HookSubscription


async def handle(ctx): ...


async def other(ctx): ...


@pytest.fixture
def plugin():
    return Plugin("p")


def test_each_says_when_it_is_run_and_for_how_long(plugin):
    assert plugin.on_start(handle) is handle
    plugin.on_stop(order=3, timeout=5)(other)

    start, stop = plugin.handlers
    assert (start.subscription, start.timeout) == (HookSubscription(moment="start"), None)
    assert (stop.subscription, stop.timeout) == (HookSubscription(moment="stop", order=3), 5.0)
    said = described(ImportedPlugin(plugin=plugin, settings=None, origin="", version=""))
    assert [(each.id, each.subscription, each.timeout) for each in handlers_from(said)] == [
        (each.id, each.subscription, each.timeout) for each in plugin.handlers
    ]


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"order": "1"}, "order='1'"),
        ({"order": 1.5}, "order=1.5"),
        ({"order": True}, "order=True"),
        ({"order": 10**9}, "whole number"),
        ({"timeout": 0}, "timeout"),
        ({"timeout": "soon"}, "timeout"),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_plugins_name(plugin, options, problem):
    for decorator in (plugin.on_start, plugin.on_stop):
        with pytest.raises(PluginError, match=problem) as refused:
            decorator(**options)
        assert "plugin 'p'" in str(refused.value)
