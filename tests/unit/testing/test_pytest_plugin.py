"""The plugin of pytest disturbs nobody who has something else to test."""

from __future__ import annotations

import subprocess
import sys


def run(folder, text, *arguments):
    """A test run of somebody else's, in a folder of his own."""
    (folder / "test_it.py").write_text(text)
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments, str(folder)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_fixtures_are_found_by_the_entry_point(tmp_path):
    done = run(tmp_path, "", "--fixtures")
    assert "mycel" in done.stdout
    assert "A Mycel of the test's own, in a thread; for plain tests." in done.stdout


def test_without_pytest_asyncio_pytest_starts_all_the_same(tmp_path):
    """As where it is not installed."""
    code = "import sys; sys.modules['pytest_asyncio'] = None; import mycel_runtime.testing.pytest_plugin as plugin"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}; print(plugin.async_fixture.__module__)"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout == "_pytest.fixtures\n", done.stderr
