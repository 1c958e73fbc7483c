"""
The door for plugins: what an author declares, and what a handler is given.

Keeps: a plugin is checked when it is declared and when it is loaded, not when it is called; a context reaches
no switch that turns the caught-up proof off; a context that has ended says so instead of speaking.
Imports `speech` and below. Authors import from `mycel_runtime`; the bundled plugins come in by the same door.
"""
