"""
Says things at times: posts on a crontab, or again and again, in chats or to people.

A post is the runtime's schedule: said once, late rather than never, whoever is killed in between.
"""

from mycel_runtime_plugins.scheduler.handlers import plugin

__all__ = ["plugin"]
