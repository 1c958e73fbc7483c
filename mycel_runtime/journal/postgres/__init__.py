"""
The engine for more than one machine: a journal in PostgreSQL, by psycopg; of the extra `mycel-runtime[postgres]`.

Why each promise of `journal.port` holds:

Order and whole verbs: a verb is one transaction, or shares one with verbs that were called about then. Each
transaction takes its locks first (`locks.py`): of an identity, so that those about it come one behind the other, of
all processes, and beside those about others; or of the database, so that it is alone. A process carries out what it
was asked in the order in which it was asked (`writer.py`). With the lock, READ COMMITTED is enough: every statement
sees all that was committed before, and nobody commits beside it what it is about. SERIALIZABLE without the lock was
rejected: small tables conflict all the time, and each conflict is a transaction that is run again. So was
`FOR UPDATE SKIP LOCKED` for deliveries: that no two of a lane run is about rows that are not there to be locked. The
lock is given back before the disk is waited for, so it is held for the statements only.

Nothing waits in a circle, because all wait in one order: for the database's lock, for one identity's, for the row of
their own process (its mark), and for nothing else; what they may change of other processes' rows, and of turns that
are too many, are those rows that nobody has just then. Whoever stands still keeps his identity waiting, and those who
need the whole database: a sweep, a move, the operator.

Visibility: what has returned is committed.

Durability: what has returned is on the database's disk, be it a verb that promises less: a process that outlives its
database would else believe what is gone. A commit itself does not wait for the disk, so that nobody keeps the lock
for that; the writer waits behind it, before anybody is told (`session.py`).

Failure: a transaction whose connection was lost is run again on another connection, for as long as the database is
away: down, starting, only following another one, full, or behind something that swallows packets, which is told by an
answer that does not come (`connections.SILENT_SECONDS`). An agent that ended would lose nothing by it either, but its
supervisor gives up after some starts, and so it would be away when the database is there again. One that was about to
be committed is run again only if its mark is not there (`process.commits`), so that no verb takes effect twice.

Time is the database's clock, as each transaction reads it (`clock.py`).

Waking: triggers of the tables tell each change that makes something due, behind its commit, whoever made it;
`listener.py` hears them, and looks around now and then beneath that, for what it may have missed.

Living: each opening is a row of `process`, with the time at which it was last heard of (`seen_at`): a beat each third
of a lease's life, of the thread that listens, lease or not. A row that is gone has ended or is proven dead; one whose
beats have ceased for a lease's life is silent, and nobody can say more: it may be frozen, or cut off, and come back.

Cancelling: as of the embedded engine, whose verbs these are; but while the database is away whoever is cancelled
waits for one attempt more at most (`writer.py`).

Fencing: claims by their number. A lease is a row with its token, the process that has it and its end by the
database's clock, looked at in the transaction that names it. Processes are rows, too, and what one has claimed is
taken over only when its row says so:

- It has ended by its own word (`close`), or is proven dead (`process.py`), or the operator says that it is: the row
  is gone. Nothing more can come of it, so an intent that it left is looked for, and said again if it is not there.
- It has been silent for the life of its lease, to somebody who was in touch with the database all that time (else an
  outage would make everybody silent to everybody): the row is marked as lost, and its lease and claims are others'.

Whoever finds its own row gone or lost commits nothing more: each transaction that changes something ends with its
mark in that row, and without the row there is no commit. That fences every verb, also those that name neither claim
nor lease, such as `utter`, `plan` or `record`; the caller is told (`TakenOverError`), closes the journal, which is
its own word that what it was is over, and goes on as another process.

That does not fence the backend: a process that was frozen between its intent and its request sends when it wakes.
Four things stand against that. An intent is refused to who has lost the delivery, so that only those are in question
that were written before. They tell which process wrote them, and while its row is lost they are in doubt: the one
that has the delivery now looks for them, and what is not there it parks and never says. Right before the request, the
sender asks whether its claim stands (`keeps_claim`): after the last beat nobody can take it for the life of a lease,
by a clock that also counts while the machine sleeps, so mostly nothing is asked; with less than a third of that left,
the store is. What remains is a process that is frozen between that and its bytes, for a lease's life: its words may
come late, and they come once, because the other side has parked them.
"""
