"""
What there is, and what may be done with it. No clock, no dice, no I/O: time and ids come from the caller.

An operation either refuses (`Refused`) before it has changed anything, or records what it changed in
`World.changes` and whom it woke in `World.wakes`. The shell writes the one, then publishes the other.
"""
