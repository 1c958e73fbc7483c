"""
The other side, for development: a Mycel backend that genuine clients cannot tell from the real one.

A pure world (users, chats, messages, cursors, inbox) behind two thin faces, HTTP and WebSocket, over SQLite.
The server's quirks are in it, on by default: a double that is kinder than the real thing proves nothing.
It shares only the words of the wire, the error tree and the file lock with the rest of the project.
"""
