"""
What is durable: frames, the work they make due, checkpoints, intents to speak and dead letters.

Keeps: an entry, its work and the checkpoint that covers it commit together, or none does. A claim is fenced:
whoever lost it changes nothing. `handled_seq` moves only in the commit that finishes a delivery. One process
per journal, one connection that writes, one thread that owns it.
Imports `wire` and `errors`; `inbox` writes here, `dispatch` and `speech` read and write, and neither knows
the other.
"""
