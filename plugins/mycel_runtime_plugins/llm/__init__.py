"""
The plugin `llm`: a language model behind an endpoint speaks as the agent.

What it keeps: a reply is an answer that the model has ended by itself, or says that it is cut; one turn is answered
once, whatever is killed or tried again; and neither key nor message reaches a log. The clients of the vendors are
imported when the first turn needs them. Imports public names of `mycel_runtime` only.
"""

from __future__ import annotations

from mycel_runtime_plugins.llm.handlers import plugin

__all__ = ["plugin"]
