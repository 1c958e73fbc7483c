"""
What is durable: frames, their work, checkpoints, intents to speak, dead letters; what plugins remember and plan.

Keeps: an entry, its work and the checkpoint that covers it commit together, or none does. A claim is fenced:
whoever lost it changes nothing. `handled_seq` moves only in the commit that finishes a delivery, and so does what
its plugin remembers and plans. A timer fires in one commit, which makes it work. One process per journal, one
connection that writes, one thread that owns it.
Imports `wire`, `file_lock` and `errors`; `inbox` writes here, `dispatch` and `speech` read and write, and neither
knows the other.
"""
