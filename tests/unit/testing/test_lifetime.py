"""The dead do nothing, and die where they were told to."""

from __future__ import annotations

import pytest

from mycel_runtime.errors import ArgumentError
from mycel_runtime.testing.lifetime import KilledError, Lifetime, Mortal


class Store:
    def __init__(self):
        self.done = []
        self.size = 3

    async def finish(self, what):
        self.done.append(what)

    def record(self, what):
        self.done.append(what)


async def test_before_a_point_the_step_is_not_done_and_after_it_it_is():
    for point, done in (("before finish", []), ("after finish", ["work"])):
        lifetime, store = Lifetime(), Store()
        lifetime.die_at(point, 1)
        with pytest.raises(KilledError):
            await Mortal(store, lifetime).finish("work")
        assert store.done == done
        assert lifetime.is_killed
        assert lifetime.is_reborn


async def test_the_nth_passing_counts_and_the_dead_do_nothing():
    lifetime, store = Lifetime(), Store()
    mortal = Mortal(store, lifetime)
    lifetime.die_at("before record", 2)
    mortal.record("first")
    with pytest.raises(KilledError):
        mortal.record("second")
    with pytest.raises(KilledError):
        await mortal.finish("third")
    assert store.done == ["first"]


def test_who_is_killed_at_once_is_not_started_again():
    lifetime = Lifetime()
    lifetime.kill()
    assert lifetime.ending.is_set()
    assert not lifetime.is_reborn
    with pytest.raises(KilledError):
        lifetime.pass_by("before send")


def test_values_are_let_through():
    assert Mortal(Store(), Lifetime()).size == 3


def test_no_exception_handler_of_a_plugin_catches_the_end():
    assert not issubclass(KilledError, Exception)


def test_points_that_there_are_not_are_refused():
    with pytest.raises(ArgumentError, match="after send"):
        Lifetime().die_at("during send", 1)
