"""
What changed code would do: logged turns, run again with words and deeds captured.

Nothing is sent and nothing is written: the journal is opened by a connection that can only read, beside its daemon,
and the client refuses every call that is not a plain reading one.
"""
