"""Identities spread evenly over processes that come and go, none is left alone, and none is moved to and fro."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from mycel_runtime.journal.postgres.placement import Standing, to_hand_over, to_take

PROCESSES = ("p", "q", "r", "s")


def standing(identity, holder=None, candidates=PROCESSES[:2]):
    return Standing(identity=identity, holder=holder, candidates=frozenset(candidates))


class Fleet:
    """Processes that decide by what they see, one after the other."""

    def __init__(self, wanted):
        self.wanted = wanted
        self.living = set()
        self.holders = dict.fromkeys(wanted)
        self.moves = 0

    def standings(self):
        return [
            standing(identity, self.holders[identity], self.wanted[identity] & self.living)
            for identity in self.wanted
        ]

    def come(self, process):
        self.living.add(process)

    def die(self, process):
        self.living.discard(process)
        for identity, holder in self.holders.items():
            if holder == process:
                self.holders[identity] = None

    def look(self, process, idle):
        """What one look of a process leads to; whether anything did."""
        taken = to_take(self.standings(), process)
        for identity in taken:
            assert self.holders[identity] is None
            self.holders[identity] = process
        moved = None if taken else to_hand_over(self.standings(), process, idle)
        if moved is not None:
            assert self.holders[moved] == process
            self.holders[moved] = None
            self.moves += 1
        return bool(taken) or moved is not None

    def settle(self):
        """Looks of all, until none leads to anything."""
        has_changed = True
        while has_changed:
            has_changed = False
            for process in sorted(self.living):
                has_changed |= self.look(process, self.wanted)
            assert self.moves <= self.most_moves()

    def most_moves(self):
        return len(self.wanted) ** 2

    def loads(self):
        return Counter(dict.fromkeys(self.living, 0)) + Counter(filter(None, self.holders.values()))


@st.composite
def fleets(draw):
    names = [f"identity-{number}" for number in range(draw(st.integers(1, 12)))]
    return Fleet({name: draw(st.frozensets(st.sampled_from(PROCESSES), min_size=1)) for name in names})


events = st.lists(
    st.tuples(st.sampled_from(("come", "die", "look")), st.sampled_from(PROCESSES)), max_size=30
)


@given(fleets(), events)
def test_whatever_comes_and_goes_everybody_has_somebody_in_the_end_and_the_moves_end(fleet, happened):
    for event, process in happened:
        if event == "look":
            if process in fleet.living:
                fleet.look(process, fleet.wanted)
        else:
            getattr(fleet, event)(process)
    fleet.moves = 0
    fleet.settle()

    for identity, wanting in fleet.wanted.items():
        assert (fleet.holders[identity] is not None) == bool(wanting & fleet.living)


@given(st.integers(1, 20), st.lists(st.sampled_from(PROCESSES), min_size=1, unique=True), events)
def test_where_all_can_do_everything_nobody_has_two_more_than_another(identities, living, happened):
    fleet = Fleet({f"identity-{number}": frozenset(PROCESSES) for number in range(identities)})
    for process in living:
        fleet.come(process)
        fleet.settle()
    for event, process in happened:
        if event != "look" and process != living[0]:
            getattr(fleet, event)(process)
    fleet.settle()

    loads = [fleet.loads()[process] for process in fleet.living]
    assert max(loads) - min(loads) <= 1


@given(st.integers(1, 20), st.integers(1, 3))
def test_a_newcomer_costs_no_more_moves_than_it_gets_identities(identities, there):
    fleet = Fleet({f"identity-{number}": frozenset(PROCESSES) for number in range(identities)})
    for process in PROCESSES[:there]:
        fleet.come(process)
    fleet.settle()
    fleet.moves = 0

    fleet.come(PROCESSES[there])
    fleet.settle()
    assert fleet.moves == fleet.loads()[PROCESSES[there]]


def test_all_processes_agree_who_takes_what_is_free():
    standings = [standing(f"identity-{number}", candidates=PROCESSES) for number in range(40)]
    taken = {process: to_take(standings, process) for process in PROCESSES}

    assert sorted(identity for each in taken.values() for identity in each) == sorted(
        each.identity for each in standings
    )
    assert {len(each) for each in taken.values()} == {10}


def test_what_nobody_takes_for_too_long_is_anybodys():
    free = standing("a")
    (due,) = [process for process in "pq" if to_take([free], process)]
    (other,) = {"p", "q"} - {due}

    assert to_take([free], other, overdue={"a"}) == {"a"}


def test_nothing_is_moved_while_something_is_free():
    held = [standing(f"identity-{number}", "p") for number in range(4)]
    assert to_hand_over(held, "p", {"identity-0"}) == "identity-0"

    assert to_hand_over([*held, standing("free")], "p", {"identity-0"}) is None


def test_what_is_busy_is_not_moved():
    held = [standing(f"identity-{number}", "p") for number in range(4)]

    assert to_hand_over(held, "p", ()) is None
