"""A process asks for the descriptors that its agents need, and says so where it may not have them."""

from __future__ import annotations

import resource

import pytest

from mycel_runtime.daemon import descriptors
from mycel_runtime.observe.facts import DescriptorsScarce


class Told(list):
    def tell(self, fact):
        self.append(fact)


@pytest.mark.parametrize(
    ("limits", "agents", "set_to", "told"),
    [
        ((1024, 524_288), 1, None, []),
        ((1024, 524_288), 76, None, []),
        ((1024, 524_288), 77, (1026, 524_288), []),
        ((1024, 524_288), 1000, (10_256, 524_288), []),
        ((1024, 4096), 1000, (4096, 4096), [DescriptorsScarce(limit=4096, needed=10_256)]),
        ((1024, resource.RLIM_INFINITY), 1000, (10_256, resource.RLIM_INFINITY), []),
        ((resource.RLIM_INFINITY, resource.RLIM_INFINITY), 1000, None, []),
        ((20_000, 20_000), 1000, None, []),
    ],
)
def test_the_limit_is_raised_as_far_as_it_is_needed_and_may_be(monkeypatch, limits, agents, set_to, told):
    made, observer = [], Told()
    monkeypatch.setattr(resource, "getrlimit", lambda _: limits)
    monkeypatch.setattr(resource, "setrlimit", lambda _, wanted: made.append(wanted))

    descriptors.make_room(agents, observer)

    assert (made, observer) == ([set_to] if set_to else [], told)
