"""
What `/metrics` tells: levels from the same snapshot as `status`, counts from facts, durations as they are measured.

Every sample but those of the process has the label `agent`, so that the agents of one process can stand on one page.
No label is ever a chat, a person, a text or an error's message: each has a closed list of values, or is the name of
an agent, plugin or handler, which are the operator's own.
"""
