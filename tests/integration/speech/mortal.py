"""A process that may die between any two of its steps, and what its journal does, held against the tables."""

from __future__ import annotations

import sqlite3

from mycel_runtime.journal.delivery_state import DELIVERY_TRANSITIONS, DeliveryEvent, DeliveryState
from mycel_runtime.journal.intent import INTENT_TRANSITIONS, IntentEvent, IntentState

DELIVERY_EVENTS = {
    "append": {DeliveryEvent.WANT},
    "hint": {DeliveryEvent.WANT},
    "want_others": {DeliveryEvent.WANT},
    "record": {DeliveryEvent.WANT},
    "claim": {DeliveryEvent.CLAIM},
    "finish": {DeliveryEvent.FINISH},
    "postpone": {DeliveryEvent.POSTPONE},
    "bury": {DeliveryEvent.BURY},
    "recover": {DeliveryEvent.RECOVER, DeliveryEvent.WANT},
}
INTENT_EVENTS = {
    "intend": {IntentEvent.INTEND},
    "record": {IntentEvent.RECORD, IntentEvent.REFUSE},
    "settle": {IntentEvent.REFUSE},
    "resolve": {IntentEvent.RECORD, IntentEvent.REFUSE},
    "park": {IntentEvent.PARK},
    "bury": {IntentEvent.PARK},
}


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
    A journal whose owner may die before and after each verb; a verb itself is done or not.

    A record, which nobody waits for, is made with the next verb: whoever dies before that has lost it.

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
        self._records = []

    def end(self):
        self._reader.close()

    def record(self, intent, *, wanted_seq=None):
        self._heart.beat()
        self._records.append((intent, wanted_seq))
        self._heart.beat()

    def on_work(self, identity, wake):
        """Nothing that anybody could die of."""
        self._journal.on_work(identity, wake)

    def now(self):
        """Likewise."""
        return self._journal.now()

    def __getattr__(self, name):
        verb = getattr(self._journal, name)

        async def mortal(*args, **kwargs):
            self._heart.beat()
            before, posted = self._states(), self._post()
            result = await verb(*args, **kwargs)
            self._wrongs += illegal_steps((name, *posted), before, self._states())
            self._committed(name, args, result)
            self._heart.beat()
            return result

        return mortal

    def _post(self):
        records, self._records = self._records, []
        for intent, wanted_seq in records:
            self._journal.record(intent, wanted_seq=wanted_seq)
        return ["record"] * len(records)

    def _states(self):
        """Of each delivery and of each intent."""
        deliveries = self._reader.execute("SELECT delivery_id, state FROM delivery")
        intents = self._reader.execute("SELECT delivery_id, turn, ordinal, state FROM intent")
        return (
            {key: DeliveryState(state) for key, state in deliveries},
            {key: IntentState(state) for *place, state in intents for key in [tuple(place)]},
        )


def illegal_steps(verbs, before, after):
    """What these did, in one commit, that is in no table."""
    born = ({DeliveryState.DUE}, {IntentState.INTENDED})
    kinds = ((DELIVERY_TRANSITIONS, DELIVERY_EVENTS), (INTENT_TRANSITIONS, INTENT_EVENTS))
    for old, new, first, (table, events_of) in zip(before, after, born, kinds, strict=True):
        events = {event for verb in verbs for event in events_of.get(verb, ())}
        for key, state in new.items():
            if key in old:
                allowed = {old[key]}.union(*(table.get((old[key], event), ()) for event in events))
            else:
                allowed = first if events else set()
            if state not in allowed:
                yield verbs, key, old.get(key), state
