"""The embedded engine: one file of SQLite in the agent's state directory, the default; nothing to install."""
