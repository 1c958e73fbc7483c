"""
The journal's verbs, in four protocols along their users: listener, dispatcher, speech, operator.

`inbox`, `dispatch` and `speech` know these only. Who looks at a journal that others have open has a `JournalReader`;
a `JournalEngine` gives that, the journal itself, and what is done to it as a whole. Every engine passes one
conformance suite (`tests/integration/journal/conformance.py`); a handler cannot tell which engine serves it. What is
not promised here does not hold: an engine in the tests (`tests/engines/slow_journal.py`) keeps every promise and
nothing beyond.

Order: a verb that is called after another one has returned comes behind it. Verbs that are called side by side take
effect in any order, each as a whole. One verb is not waited for, `record`: it says what comes behind it.

Visibility: what has returned is seen by every verb that is called from then on, also of a process that dies then.

Durability, for when the power fails: what has returned is on the disk, and so is all that returned before it. Some
verbs promise the second without the first, because an answer would wait for each of them: `append` of a batch without
event work and changes, `hint`, `want_others`, `anchor`, `claim`, `claim_suspect`, `finish`, `postpone`, `bury`,
`plan`, `fire`, `look_for_answers`, `settle`, `record`, `park`, `attend` and `sweep` are in order, and durable soon.
After one of them, as after what reads, only what can be done again may be done. Before anything that cannot comes
`intend`: before a message is sent, and before the server's cursor is moved on the way to that.

Failure: `JournalError` when the store fails. The verb has taken effect as a whole or not at all, and which of both
only a look tells.

Time is the store's: it stamps what is written, and what is due is so by its clock when a verb takes effect. Callers
say spans, not what time it is; what they reckon with they ask of it (`now`). Their own clocks need not agree with it.

Waking: whoever claims is woken by the store (`on_work`), and by nobody who merely believes that something has been
committed; so it is told when the next thing becomes due.

Turns: where several processes may be at work on an identity, `candidacy` tells each when it should `lease`, and when
to leave the identity to another one. It is advice, and no promise hangs on it: the lease decides.

An engine whose store is elsewhere waits for it, however long it is away, and tells so (`on_away`): nothing can be
done without it, and what was asked is done once it is there. Whoever would rather not wait cancels.

Cancelling: every verb commits or does nothing. A cancelled caller still waits for the commit's end, or until the
store is known to be away, which is bounded, and then is cancelled: no verb is left half done.

Fencing: verbs about a delivery name its claim, and what a listener writes names its lease. A claim is lost when
another one follows it, or the delivery's turn ends; a lease, when it is given back or another one follows it, which
can be once its time is over and nobody has renewed it. Whoever lost one changes nothing, and is told so. A process
of which another one has taken over what it had, because it was silent for too long, changes nothing by any verb
(`TakenOverError`); it closes the journal, and opens it anew if it is to go on.
"""
