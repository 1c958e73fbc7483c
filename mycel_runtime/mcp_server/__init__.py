"""
Mycel as tools for any client of the Model Context Protocol, in a process of its own.

Nothing is read or said here: every call is made by the running daemon, through its journal and its speech, so that
its promises hold for tools too. What this process keeps is what its client has been shown. It needs the extra `mcp`,
and is imported by the command only. Below `cli`, above `daemon`.
"""
