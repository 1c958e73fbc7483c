"""
Lets every journal of a process be the slow one, from the moment on when its module has been imported.

Python imports this at its start if its folder is in PYTHONPATH; `tests.engines.slow` puts it there.
"""

from __future__ import annotations

import importlib.abc
import importlib.util
import sys

NAME = "mycel_runtime.journal.sqlite.journal"


class _Slowed(importlib.abc.Loader):
    """The module, loaded as ever; then its engine is the slow one."""

    def __init__(self, loader):
        self._loader = loader

    def create_module(self, spec):
        return self._loader.create_module(spec)

    def exec_module(self, module):
        self._loader.exec_module(module)
        from tests.engines.slow_journal import SlowJournal  # noqa: PLC0415 - it imports the module

        module.SqliteJournal = SlowJournal


class _Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name != NAME:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        spec.loader = _Slowed(spec.loader)
        return spec


sys.meta_path.insert(0, _Finder())
