"""
The command line: one file per command, loaded when it is used.

Keeps: `--help` imports click and nothing else that weighs; an operator's mistake is one message and an exit code,
never a traceback. Imports everything; nobody imports it.
"""
