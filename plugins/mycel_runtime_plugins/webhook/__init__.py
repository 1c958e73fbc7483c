"""
Hands what the agent hears to an HTTP endpoint, and says what that answers.

Each delivery is signed as Standard Webhooks has it, and tells by its id what is the same when it comes again. The
endpoint's answer is checked whole before anything of it is done; it is done once, whatever happens in between.
"""

from mycel_runtime_plugins.webhook.handlers import plugin

__all__ = ["plugin"]
