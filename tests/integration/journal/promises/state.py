"""What plugins remember and plan: it changes with the end of a delivery, or not at all."""

from __future__ import annotations

import pytest

from mycel_runtime.journal.changes import (
    UNCHANGED,
    Changes,
    EndOutcome,
    Firing,
    Item,
    ItemChange,
    NewTimer,
    StoreSize,
    TimerKey,
    ToldVersion,
)
from mycel_runtime.journal.cursor import STAY
from mycel_runtime.journal.work import EventWork
from tests.engines.store_clock import at
from tests.integration.journal.samples import (
    GIVEN_UP,
    ME,
    OTHER,
    bury,
    claim,
    claim_any,
    claim_one,
    finish,
    happen,
    intent,
    want,
)


def write(key, value, *, made_from=None, chat=None):
    return ItemChange(chat_id=chat, key=key, value=value, made_from=made_from)


def timer(name="t", *, key="", due_at=10.0, data="{}", is_relative=False):
    return NewTimer(name=name, key=key, due_at=due_at, data=data, is_relative=is_relative)


async def running(journal, seq, *, lane="one", now=0.0, **more):
    await happen(journal, seq, lane=lane, now=now, **more)
    return await claim_one(journal, now=now)


async def end(journal, delivery, *items, timers=(), cancelled=()):
    changes = Changes(items=items, timers=tuple(timers), cancelled=tuple(cancelled))
    return await journal.finish(delivery, STAY, changes=changes)


async def values(journal, *, plugin="p", chat=None, identity=ME):
    items = await journal.items(identity, plugin, chat_id=chat)
    return {key: item.value for key, item in items.items()}


async def keys(journal, identity=ME):
    return [(each.name, each.key, each.due_at) for each in await journal.timers(identity)]


async def set_timers(journal, *timers, plugin="p", identity=ME):
    await journal.plan(identity, plugin, Changes(timers=timers))


async def fire(journal, *, now, following=None, names=(("p", "t"),), is_passed=False):
    """Every timer that is due, as the dispatcher does it."""
    due = await at(journal, now).timers_due(ME, names=set(names), limit=100)
    works = [
        None
        if is_passed
        else EventWork(handler=f"{each.plugin}.on_{each.name}", lane=f"timer:{each.name}:{each.key}")
        for each in due
    ]
    firings = [
        Firing(timer=each, work=work, following=following) for each, work in zip(due, works, strict=True)
    ]
    return await at(journal, now).fire(ME, firings)


class StateConformance:
    async def test_a_new_journal_remembers_and_plans_nothing(self, journal):
        assert await journal.items(ME, "p", chat_id=None) == {}
        assert not await journal.has_items(ME, "p")
        assert await journal.timers(ME) == []
        assert await journal.next_timer_at(ME, after=0.0) is None

    async def test_items_and_timers_change_with_the_end_of_a_delivery(self, journal, successor):
        delivery = await running(journal, 1)
        ended = await end(
            journal, delivery, write("a", "1"), write("a", "2", chat="c"), timers=[timer(key="k")]
        )

        assert ended.outcome is EndOutcome.DONE
        heir = await successor(journal)
        assert await heir.items(ME, "p", chat_id=None) == {"a": Item("1", ended.versions[0])}
        assert await heir.items(ME, "p", chat_id="c") == {"a": Item("2", ended.versions[1])}
        assert await keys(heir) == [("t", "k", 10.0)]
        assert await heir.next_timer_at(ME, after=0.0) == 10.0
        assert await heir.has_items(ME, "p")

    async def test_a_plugins_items_and_timers_are_its_own_and_its_identitys(self, journal):
        await end(journal, await running(journal, 1), write("a", "1"), timers=[timer()])
        await end(
            journal,
            await running(journal, 2, handler="q.events"),
            write("a", "2"),
            timers=[timer(due_at=11.0)],
        )

        assert (await values(journal), await values(journal, plugin="q")) == ({"a": "1"}, {"a": "2"})
        assert await values(journal, identity=OTHER) == {}
        assert [(each.plugin, each.due_at) for each in await journal.timers(ME)] == [("p", 10.0), ("q", 11.0)]
        assert await journal.timers(OTHER) == []

    async def test_what_is_given_up_changes_items_with_its_letter_or_not_at_all(self, journal):
        await end(journal, await running(journal, 1), write("a", "1"))
        delivery = await running(journal, 2)

        async def give_up(*items):
            changes = Changes(items=items, timers=(timer(),))
            return (await journal.bury(delivery, GIVEN_UP, STAY, changes=changes)).outcome

        assert await give_up(write("a", "2", made_from=7)) is EndOutcome.OUTDATED
        assert (await values(journal), await journal.dead_letters(ME)) == ({"a": "1"}, [])
        assert await give_up(write("a", "3")) is EndOutcome.DONE
        assert (await values(journal), await keys(journal)) == ({"a": "3"}, [("t", "", 10.0)])
        assert len(await journal.dead_letters(ME)) == 1
        assert await give_up(write("a", "4")) is EndOutcome.LOST
        assert await values(journal) == {"a": "3"}

    async def test_the_operator_sees_how_much_and_what_is_remembered_and_may_clear_it(self, journal):
        await end(
            journal, await running(journal, 1), write("a", "1"), write("b", "22"), write("a", "3", chat="c")
        )
        await end(journal, await running(journal, 2, handler="q.events"), write("a", "4"))

        assert await journal.stores(ME) == [
            StoreSize("p", "", 2, 5),
            StoreSize("p", "c", 1, 2),
            StoreSize("q", "", 1, 2),
        ]
        assert [item[1:] for item in await journal.all_items(ME) if item.plugin == "p"] == [
            ("", "a", "1"),
            ("", "b", "22"),
            ("c", "a", "3"),
        ]
        assert await journal.stores(OTHER) == []
        assert [await journal.clear_items(ME, "p", chat_id=chat_id) for chat_id in ("c", None, "")] == [
            1,
            2,
            0,
        ]
        assert [store.plugin for store in await journal.stores(ME)] == ["q"]

    async def test_a_change_made_from_what_was_cleared_is_refused(self, journal):
        made = await end(journal, await running(journal, 1), write("a", "1"))
        reader = await running(journal, 2)
        await journal.clear_items(ME, "p", chat_id=None)

        refused = await end(journal, reader, write("a", "2", made_from=made.versions[0]))
        assert refused.outcome is EndOutcome.OUTDATED

    async def test_a_lost_claim_changes_no_item_and_no_timer(self, journal):
        lost = await running(journal, 1)
        await journal.postpone(lost, after=0.0, spend=False)
        await claim_one(journal)

        assert (await end(journal, lost, write("a", "1"), timers=[timer()])).outcome is EndOutcome.LOST
        assert (await values(journal), await keys(journal)) == ({}, [])

    async def test_of_two_changes_made_from_one_value_the_second_is_refused_and_its_delivery_goes_on(
        self, journal
    ):
        await end(journal, await running(journal, 1), write("a", "1"))
        (item,) = (await journal.items(ME, "p", chat_id=None)).values()
        first, second = await running(journal, 2, lane="one"), await running(journal, 3, lane="two")

        ended = await end(journal, first, write("a", "2", made_from=item.version))
        refused = await end(
            journal, second, write("a", "3", made_from=item.version), write("b", "1"), timers=[timer()]
        )

        assert (ended.outcome, refused.outcome) == (EndOutcome.DONE, EndOutcome.OUTDATED)
        assert (await values(journal), await keys(journal)) == ({"a": "2"}, [])
        assert (await journal.statistics(ME)).running == 1
        again = await end(journal, second, write("a", "3", made_from=ended.versions[0]))
        assert again.outcome is EndOutcome.DONE
        assert await values(journal) == {"a": "3"}

    async def test_of_two_that_found_nothing_the_second_is_refused(self, journal):
        first, second = await running(journal, 1, lane="one"), await running(journal, 2, lane="two")
        await end(journal, first, write("a", "1", made_from=0))

        assert (await end(journal, second, write("a", "2", made_from=0))).outcome is EndOutcome.OUTDATED

    async def test_what_a_handler_was_told_of_is_noted_with_the_end_of_its_delivery(self, journal):
        line = {"kind": "!told p.events", "key": "relationship r"}
        delivery = await running(journal, 1)
        told = (ToldVersion(**line, state="open"),)
        outdated = Changes(items=(write("a", "1", made_from=7),), told=told)
        await journal.finish(delivery, STAY, changes=outdated)
        assert await journal.noted(ME, **line) is None

        await journal.finish(delivery, STAY, changes=Changes(told=told))
        assert await journal.noted(ME, **line) == "open"

    async def test_a_value_that_was_deleted_and_made_anew_is_another_one(self, journal):
        made = await end(journal, await running(journal, 1), write("a", "1"))
        reader = await running(journal, 2, lane="two")
        await end(journal, await running(journal, 3), write("a", None, made_from=made.versions[0]))
        assert await values(journal) == {}
        await end(journal, await running(journal, 4), write("a", "1", made_from=0))

        refused = await end(journal, reader, write("a", "2", made_from=made.versions[0]))
        assert refused.outcome is EndOutcome.OUTDATED

    async def test_changes_made_from_nothing_stand_in_the_order_of_their_commits(self, journal):
        first, second = await running(journal, 1, lane="one"), await running(journal, 2, lane="two")
        await end(journal, second, write("a", "2"))
        await end(journal, first, write("a", "1"))

        assert await values(journal) == {"a": "1"}

    async def test_the_changes_of_a_chats_turn_move_its_cursor_too(self, journal):
        await want(journal, 5)
        delivery = await claim_one(journal)
        refused = await end(journal, delivery, write("a", "1", made_from=7))
        assert refused.outcome is EndOutcome.OUTDATED
        await journal.expect_end(ME)
        await journal.recover(ME)

        assert await finish(journal, await claim_one(journal), 5)

    async def test_a_timer_set_anew_takes_the_place_of_the_one_before_and_a_cancelled_one_is_gone(
        self, journal
    ):
        await set_timers(journal, timer(key="a"), timer(key="b"), timer(key="c"))
        await end(
            journal,
            await running(journal, 1),
            timers=[timer(key="a", due_at=20.0), timer(key="c", due_at=5.0)],
            cancelled=[TimerKey("t", "b"), TimerKey("t", "c"), TimerKey("t", "none")],
        )

        assert await keys(journal) == [("t", "c", 5.0), ("t", "a", 20.0)]

    async def test_a_timer_that_is_put_off_is_due_at_its_new_time_and_not_before(self, journal, successor):
        await set_timers(journal, timer(key="a", due_at=10.0), timer(key="b", due_at=30.0))
        await end(journal, await running(journal, 1), timers=[timer(key="a", due_at=20.0)])

        heir = await successor(journal)
        assert await heir.next_timer_at(ME, after=0.0) == 20.0
        assert await fire(heir, now=19.9) == 0
        assert await fire(heir, now=20.0) == 1
        assert await keys(heir) == [("t", "b", 30.0)]

    async def test_timers_that_were_put_off_are_due_in_the_order_of_their_new_times(self, journal):
        await set_timers(
            journal, *(timer(key=key, due_at=10.0) for key in "abc"), timer(key="d", due_at=25.0)
        )
        for key, due_at in (("a", 40.0), ("b", 30.0), ("c", 20.0)):
            await set_timers(journal, timer(key=key, due_at=due_at))

        assert await journal.next_timer_at(ME, after=15.0) == 20.0
        due = await at(journal, 50.0).timers_due(ME, names={("p", "t")}, limit=3)
        assert [(each.key, each.due_at) for each in due] == [("c", 20.0), ("d", 25.0), ("b", 30.0)]
        assert await journal.next_timer_at(ME, after=30.0) == 40.0
        assert await journal.next_timer_at(ME, after=40.0) is None

    async def test_one_commit_puts_a_timer_off_hastens_another_and_sets_a_third(self, journal):
        await set_timers(journal, timer(key="off", due_at=10.0), timer(key="sooner", due_at=10.0))
        await set_timers(
            journal,
            timer(key="off", due_at=20.0, data='"o"'),
            timer(key="sooner", due_at=5.0, data='"s"'),
            timer(key="new", due_at=15.0, data='"n"'),
        )

        assert await journal.next_timer_at(ME, after=0.0) == 5.0
        due = await at(journal, 20.0).timers_due(ME, names={("p", "t")}, limit=9)
        assert [(each.key, each.data) for each in due] == [("sooner", '"s"'), ("new", '"n"'), ("off", '"o"')]

    async def test_a_timer_that_was_put_off_may_be_due_sooner_again(self, journal):
        for due_at in (10.0, 30.0, 20.0, 5.0):
            await set_timers(journal, timer(due_at=due_at))
            assert await journal.next_timer_at(ME, after=0.0) == due_at

        assert await fire(journal, now=5.0) == 1

    async def test_a_timer_that_was_put_off_moves_with_a_clock_that_is_set_back(self, journal):
        await set_timers(journal, timer(due_at=4_000.0, is_relative=True))
        await set_timers(journal, timer(due_at=5_000.0, is_relative=True))
        await at(journal, 100.0).rewind(ME, seconds=3_600.0)

        assert await journal.next_timer_at(ME, after=100.0) == 1_400.0
        assert await fire(journal, now=1_399.0) == 0
        assert await fire(journal, now=1_400.0) == 1

    async def test_a_firing_is_an_event_with_what_the_timer_was_set_with(self, journal, successor):
        await set_timers(journal, timer(key="k", due_at=10.0, data='{"a":1}'))
        assert await fire(journal, now=9.9) == 0
        assert await claim(journal, now=9.9) == []

        assert await fire(journal, now=10.5) == 1
        assert await journal.timers(ME) == []
        heir = await successor(journal)
        delivery = await claim_one(heir, now=10.5)
        assert (delivery.handler, delivery.lane) == ("p.on_t", "timer:t:k")
        assert delivery.fired[1:] == ("t", "k", 10.0, '{"a":1}')
        assert await finish(heir, delivery)
        assert await claim(heir, now=1e9) == []

    async def test_a_timer_fires_once_though_two_have_seen_it_due(self, journal):
        await set_timers(journal, timer())
        (due,) = await at(journal, 10.0).timers_due(ME, names={("p", "t")}, limit=1)
        firing = Firing(timer=due, work=EventWork(handler="p.on_t", lane="timer:t:"))

        assert [await at(journal, 10.0).fire(ME, [firing]) for _ in range(2)] == [1, 0]
        assert len(await claim(journal, now=10.0)) == 1

    async def test_a_timer_that_was_set_anew_meanwhile_does_not_fire(self, journal):
        await set_timers(journal, timer())
        (due,) = await at(journal, 10.0).timers_due(ME, names={("p", "t")}, limit=1)
        await set_timers(journal, timer(due_at=30.0))

        firing = Firing(timer=due, work=EventWork(handler="p.on_t", lane="timer:t:"))
        assert await at(journal, 10.0).fire(ME, [firing]) == 0
        assert await keys(journal) == [("t", "", 30.0)]

    async def test_what_follows_a_firing_is_set_with_it(self, journal):
        await set_timers(journal, timer())
        await fire(journal, now=10.0, following=timer(due_at=20.0))

        assert await keys(journal) == [("t", "", 20.0)]
        assert len(await claim(journal, now=10.0)) == 1

    async def test_a_time_that_is_let_pass_makes_nothing_due(self, journal):
        await set_timers(journal, timer())
        assert await fire(journal, now=10.0, following=timer(due_at=20.0), is_passed=True) == 1

        assert await claim(journal, now=10.0) == []
        assert await keys(journal) == [("t", "", 20.0)]

    async def test_a_schedules_call_that_waits_stands_for_those_behind_it_and_one_that_runs_does_not(
        self, journal
    ):
        work = EventWork(handler="p.on_t", lane="timer:t")
        for due_at in (10.0, 20.0, 30.0, 40.0):
            await set_timers(journal, timer(due_at=due_at))
            (due,) = await at(journal, due_at).timers_due(ME, names={("p", "t")}, limit=1)
            firing = Firing(timer=due, work=work, following=timer(due_at=99.0), is_one_enough=True)
            assert await at(journal, due_at).fire(ME, [firing]) == 1
            assert await keys(journal) == [("t", "", 99.0)]
            if due_at == 10.0:
                running_now = await claim_one(journal, now=due_at)

        assert await finish(journal, running_now)
        assert (await claim_one(journal, now=40.0)).fired.due_at == 20.0
        assert await claim(journal, now=40.0) == []

    async def test_timers_that_nobody_handles_wait_and_are_in_nobodys_way(self, journal):
        await set_timers(journal, timer("gone", due_at=1.0), timer("t", due_at=2.0))

        due = await at(journal, 5.0).timers_due(ME, names={("p", "t")}, limit=1)
        assert [each.name for each in due] == ["t"]
        assert await journal.next_timer_at(ME, after=5.0) is None

    async def test_outside_of_any_delivery_a_plugin_remembers_and_plans_in_one_commit(self, journal):
        made = ItemChange(chat_id=None, key="k", value='"new"', made_from=0)
        end = await journal.plan(ME, "p", Changes(items=(made,), timers=(timer(key="a"),)))

        assert end.outcome is EndOutcome.DONE
        assert await values(journal) == {"k": '"new"'}
        assert (await journal.items(ME, "p", chat_id=None))["k"].version == end.versions[0] != 0
        assert [key for _, key, _ in await keys(journal)] == ["a"]

        outdated = Changes(items=(made,), timers=(timer(key="b"),), cancelled=(TimerKey("t", "a"),))
        assert (await journal.plan(ME, "p", outdated)).outcome is EndOutcome.OUTDATED
        assert await values(journal) == {"k": '"new"'}
        assert [key for _, key, _ in await keys(journal)] == ["a"]

    async def test_a_value_that_was_deleted_and_comes_again_outside_of_a_delivery_is_another_one(
        self, journal
    ):
        async def write(value, made_from):
            change = ItemChange(chat_id=None, key="k", value=value, made_from=made_from)
            return (await journal.plan(ME, "p", Changes(items=(change,)))).versions[0]

        first = await write("1", 0)
        await write(None, first)
        assert await write("1", 0) != first

    async def test_a_cancelled_timer_does_not_run_though_its_time_had_come(self, journal):
        await set_timers(journal, timer(key="a"), timer(key="b"))
        await fire(journal, now=10.0)
        await journal.plan(ME, "p", Changes(cancelled=(TimerKey("t", "a"),)))

        assert [each.fired.key for each in await claim(journal, now=10.0)] == ["b"]

    async def test_a_firing_that_runs_or_has_said_something_is_not_cancelled(self, journal):
        await set_timers(journal, timer(key="a"), timer(key="b"))
        await fire(journal, now=10.0)
        runs, said = await claim(journal, now=10.0)
        await journal.intend(said, intent(said, chat_id="c"))
        await journal.postpone(said, after=1.0, spend=True)
        both = Changes(cancelled=(TimerKey("t", "a"), TimerKey("t", "b")))
        await journal.plan(ME, "p", both)

        assert await finish(journal, runs)
        assert (await claim_one(journal, now=11.0)).fired.key == "b"

    async def test_a_cancelled_firing_gives_way_to_the_next_of_its_lane(self, journal):
        for due_at in (10.0, 11.0):
            await set_timers(journal, timer(due_at=due_at))
            await fire(journal, now=11.0)
        first = await claim_one(journal, now=11.0)
        await journal.postpone(first, after=1.0, spend=True)
        await set_timers(journal, timer(due_at=12.0))
        await journal.plan(ME, "p", Changes(cancelled=(TimerKey("t", ""),)))
        assert await claim(journal, now=99.0) == []

        await set_timers(journal, timer(due_at=13.0))
        await fire(journal, now=13.0)
        assert (await claim_one(journal, now=13.0)).fired.due_at == 13.0

    async def test_a_handler_may_set_its_own_timer_again_and_cancel_it(self, journal):
        await set_timers(journal, timer(key="a"), timer(key="b"))
        await fire(journal, now=10.0)
        again, never = await claim(journal, now=10.0)
        await end(journal, again, timers=[timer(key="a", due_at=20.0)])
        await end(journal, never, cancelled=[TimerKey("t", "b")])

        assert await keys(journal) == [("t", "a", 20.0)]
        assert await claim(journal, now=10.0) == []

    async def test_a_firing_that_was_given_up_and_revived_has_its_data_still(self, journal):
        await set_timers(journal, timer(data='"d"'))
        await fire(journal, now=10.0)
        assert await bury(journal, await claim_one(journal, now=10.0))
        (letter,) = await journal.dead_letters(ME)
        assert '"d"' not in letter.frame
        assert await at(journal, 11.0).revive(ME, letter.dead_letter_id)

        delivery = await claim_one(journal, now=11.0)
        assert delivery.fired.data == '"d"'
        assert await bury(journal, delivery)
        (letter,) = await journal.dead_letters(ME)
        assert await journal.drop(ME, letter.dead_letter_id)

    async def test_a_firing_that_ran_when_a_process_died_runs_again(self, journal, successor):
        await set_timers(journal, timer(data='"d"'))
        await fire(journal, now=10.0)
        await claim_one(journal, now=10.0)
        await journal.expect_end(ME)
        heir = await successor(journal)
        await at(heir, 12.0).recover(ME)

        (delivery,) = await claim_any(heir, now=12.0)
        assert delivery.fired.data == '"d"'

    async def test_a_clock_that_is_set_back_moves_only_what_waits_for_a_span_of_time(self, journal):
        await set_timers(
            journal,
            timer(key="span", due_at=4_000.0, is_relative=True),
            timer(key="soon", due_at=3_650.0, is_relative=True),
            timer(key="clock", due_at=4_000.0),
        )
        await at(journal, 100.0).rewind(ME, seconds=3_600.0)

        assert await keys(journal) == [("t", "soon", 100.0), ("t", "span", 400.0), ("t", "clock", 4_000.0)]

    @pytest.mark.parametrize("changes", [UNCHANGED, Changes()])
    def test_nothing_is_no_change(self, changes):
        assert not changes
        assert Changes(cancelled=(TimerKey("t", ""),))
