"""A plugin for mycel-runtime."""

from my_plugin.handlers import plugin

__all__ = ["plugin"]
