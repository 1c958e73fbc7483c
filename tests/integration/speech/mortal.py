"""A process that may die between any two of its steps, and what its journal does, held against the tables."""

from __future__ import annotations

import sqlite3

from mycel_runtime.journal.entries import (
    DELIVERY_TRANSITIONS,
    INTENT_TRANSITIONS,
    DeliveryEvent,
    DeliveryState,
    IntentEvent,
    IntentState,
)

DELIVERY_EVENTS = {
    "append": {DeliveryEvent.WANT},
    "want_others": {DeliveryEvent.WANT},
    "settle": {DeliveryEvent.WANT},
    "claim": {DeliveryEvent.CLAIM},
    "finish": {DeliveryEvent.FINISH},
    "postpone": {DeliveryEvent.POSTPONE},
    "bury": {DeliveryEvent.BURY},
    "lease": {DeliveryEvent.RECOVER, DeliveryEvent.WANT},
}
INTENT_EVENTS = {
    "intend": {IntentEvent.INTEND},
    "settle": {IntentEvent.RECORD, IntentEvent.REFUSE},
    "resolve": {IntentEvent.RECORD, IntentEvent.REFUSE},
    "park": {IntentEvent.PARK},
    "bury": {IntentEvent.PARK},
}

CHANGES = DELIVERY_EVENTS.keys() | INTENT_EVENTS.keys()


class Death(BaseException):
    """Nothing is done any more."""


class Heart:
    """Beats at each step; stops after `left` of them, and never beats again."""

    def __init__(self, left=None):
        self.left = left
        self.is_stopped = False

    def beat(self):
        if self.left == 0:
            self.is_stopped = True
        if self.is_stopped:
            raise Death
        if self.left is not None:
            self.left -= 1


class Mortal:
    """
    A journal whose owner may die before and after each change; a change itself is made or not.

    Args:
        journal: Open.
        heart: The owner's.
        path: The journal's file; read beside the journal, until `end`.
        committed: Called with the verb's name, its arguments and its result before anybody can die.
        wrongs: Steps that are in no table are put here.
    """

    def __init__(self, journal, heart, path, committed, wrongs):
        self._journal = journal
        self._heart = heart
        self._reader = sqlite3.connect(path, isolation_level=None)
        self._committed = committed
        self._wrongs = wrongs

    def end(self):
        self._reader.close()

    def __getattr__(self, name):
        verb = getattr(self._journal, name)

        async def mortal(*args, **kwargs):
            self._heart.beat()
            before = self._states()
            result = await verb(*args, **kwargs)
            self._wrongs += illegal_steps(name, before, self._states())
            self._committed(name, args, result)
            self._heart.beat()
            return result

        return mortal if name in CHANGES else verb

    def _states(self):
        """Of each delivery and of each intent."""
        deliveries = self._reader.execute("SELECT delivery_id, state FROM delivery")
        intents = self._reader.execute("SELECT delivery_id, turn, ordinal, state FROM intent")
        return (
            {key: DeliveryState(state) for key, state in deliveries},
            {key: IntentState(state) for *place, state in intents for key in [tuple(place)]},
        )


def illegal_steps(verb, before, after):
    """What the verb did that is in no table."""
    born = ({DeliveryState.DUE}, {IntentState.INTENDED})
    tables = (
        (DELIVERY_TRANSITIONS, DELIVERY_EVENTS.get(verb, ())),
        (INTENT_TRANSITIONS, INTENT_EVENTS.get(verb, ())),
    )
    for old, new, first, (table, events) in zip(before, after, born, tables, strict=True):
        for key, state in new.items():
            if key in old:
                allowed = {old[key]}.union(*(table.get((old[key], event), ()) for event in events))
            else:
                allowed = first if events else set()
            if state not in allowed:
                yield verb, key, old.get(key), state
