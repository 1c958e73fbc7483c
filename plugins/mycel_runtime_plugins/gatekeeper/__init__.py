"""
Lets people in, or not: requests for a relationship, and to join the agent's groups.

A request is decided by the first rule that it meets, else by the word for its kind: at once, not at all, or by
somebody who is asked in a chat. What was decided is done once, whatever happens in between.
"""

from mycel_runtime_plugins.gatekeeper.handlers import plugin

__all__ = ["plugin"]
