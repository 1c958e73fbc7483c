"""What may change under a running agent, and what wants a restart."""

from __future__ import annotations

import pytest

from mycel_runtime.daemon.reload.differences import LIVE, differences, in_force
from mycel_runtime.settings import Settings

AGENT = {"name": "a", "base_url": "http://127.0.0.1:1"}


def settings(**sections):
    return Settings(file={"agent": AGENT, **sections}, overrides={})


def test_keys_that_are_named_as_live_exist():
    known = {section: set(type(getattr(settings(), section)).model_fields) for section in LIVE}
    assert [section for section, keys in LIVE.items() if not set(keys) <= known[section]] == []


@pytest.mark.parametrize(
    ("changed", "live", "restart", "plugins"),
    [
        ({}, (), (), ()),
        ({"guard": {"turns": 2}}, ("[guard] turns",), (), ()),
        ({"daemon": {"drain_timeout": 5}}, ("[daemon] drain_timeout",), (), ()),
        ({"journal": {"keep": "2d"}}, ("[journal] keep",), (), ()),
        ({"journal": {"kept_turns": 5}}, (), ("[journal] kept_turns",), ()),
        ({"dispatch": {"concurrency": 2}}, ("[dispatch] concurrency",), (), ()),
        ({"dispatch": {"past_cap": 2}}, (), ("[dispatch] past_cap",), ()),
        ({"inbox": {"ping_interval": 5.0}}, (), ("[inbox] ping_interval",), ()),
        ({"agent": AGENT | {"token_file": "b.token"}}, ("[agent] token_file",), (), ()),
        ({"agent": AGENT | {"base_url": "http://127.0.0.1:2"}}, (), ("[agent] base_url",), ()),
        ({"plugins": {"echo": {"prefix": "b"}, "p": {"path": "p.py"}}}, (), (), ("echo",)),
        ({"plugins": {"echo": {}, "p": {"path": "p.py"}}}, (), (), ("echo",)),
        ({"plugins": {"echo": {"prefix": "a"}, "p": {"path": "q.py"}}}, (), ("[plugins.p] path",), ()),
        ({"plugins": {"echo": {"prefix": "a"}}}, (), ("[plugins.p]",), ()),
        (
            {"plugins": {"echo": {"prefix": "b", "isolation": "process"}, "p": {"path": "p.py"}}},
            (),
            ("[plugins.echo] prefix", "[plugins.echo] isolation"),
            (),
        ),
    ],
)
def test_each_key_is_live_or_wants_a_restart_and_what_wants_one_is_not_in_force(
    changed, live, restart, plugins
):
    before = {"plugins": {"echo": {"prefix": "a"}, "p": {"path": "p.py"}}}
    now, wanted = settings(**before), settings(**before | changed)

    found = differences(now, wanted)
    after = in_force(now, wanted, found.plugins)

    assert (found.live, found.restart, found.plugins) == (live, restart, plugins)
    assert differences(after, wanted).live == ()
    assert differences(after, wanted).restart == restart
    assert (after == now) is not bool(live or plugins)
