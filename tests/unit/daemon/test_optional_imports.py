"""What is left out of a library's import is there for whoever asks for it later."""

from __future__ import annotations

import subprocess
import sys


def said(code):
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    return ended.stdout.split()


def test_libraries_are_imported_without_what_they_do_not_need():
    assert said(
        "import sys\n"
        "from mycel_runtime.daemon.optional_imports import import_without_optional\n"
        "import_without_optional()\n"
        "print(*(name in sys.modules for name in ('structlog', 'httpx', 'rich', 'httpx._main')))\n"
        "import rich.console, httpx\n"
        "print(httpx.Client.__name__, rich.console.Console.__name__)\n"
    ) == ["True", "True", "False", "False", "Client", "Console"]


def test_a_library_that_is_there_stays_as_it_is():
    assert said(
        "import structlog.dev, rich, sys\n"
        "from mycel_runtime.daemon.optional_imports import import_without_optional\n"
        "import_without_optional()\n"
        "print(structlog.dev.rich is rich, sys.modules['rich'] is rich)\n"
    ) == ["True", "True"]
