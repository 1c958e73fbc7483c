"""
An agent that speaks the Agent Client Protocol answers in chats: a coding agent, for example.

One session and one folder for each chat, in as few processes as will do. The journal is the truth: what was shown
and what was answered is the runtime's to know; a session is a hint, and is replaced by a new one with the history
whenever it is gone. What people write is data: never a command of the agent's program, the name of a file, or a
permission.
"""

from mycel_runtime_plugins.acp.handlers import plugin

__all__ = ["plugin"]
