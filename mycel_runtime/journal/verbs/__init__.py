"""
The journal's verbs as statements, the same in any engine that keeps rows.

A verb is a function of a connection, in one transaction: `statements.execute` runs a named statement on it, which is
the engine's own text of that name. When a transaction begins and ends, and whose time counts, the engine says.
"""
