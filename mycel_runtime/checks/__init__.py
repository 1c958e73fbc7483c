"""
What is wrong with an agent's set-up, found before it is started or beside the running daemon.

Keeps: nothing is changed, no lock is taken, no plugin's code runs in this process; all findings at once, each with a
stable name and a fix. Imports `units`, the daemon's reading parts and below; only `cli` imports it.
"""
