"""
The plugin `command`: whatever can be started answers, a program per delivery.

What the program is told stands in `request`, what it may answer in `answer`, what its end means in `verdict`; these
are pure. `execution` runs it below a supervisor of `child_process`, and `handlers` does what it has answered. A
recipe (`recipes`) tells how the command line of a coding agent is asked and how its answer is known from its errors.
"""

from mycel_runtime_plugins.command.handlers import plugin

__all__ = ["plugin"]
