"""What every test may ask for, above all the genuine reference clients, each in an environment of its own."""

from __future__ import annotations

import fcntl
import gc
import subprocess
import venv
from pathlib import Path
from typing import Final

import hypothesis
import pytest
import structlog

from mycel_runtime.known_secrets import forget_all
from mycel_runtime.observe.library_logs import leave_library_logs
from mycel_runtime.observe.log_style import LogStyle, styles
from tests.discretion.overheard import overhear
from tests.discretion.summary import Summary
from tests.discretion.watch import Watch

# Here, because whoever imports them first may be none of the journal's tests.
pytest.register_assert_rewrite("tests.integration.journal.promises", "tests.integration.journal.samples")

# On a busy machine an example may take any time; pytest's timeout is the deadline.
hypothesis.settings.register_profile(
    "busy", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("busy")

overhear()

WATCH: Final = Watch()

ROOT: Final = Path(__file__).parents[1]

PEERS: Final = {
    "sdk-0.1.45": ("mycel-sdk==0.1.45",),
    "sdk-0.1.83": ("mycel-sdk==0.1.83", "mycel-cli==0.1.83"),
}
"""As `make peers`, which usually has built them before."""


def pytest_configure(config):
    config.pluginmanager.register(Summary(WATCH.counts))


def pytest_collection_modifyitems(items):
    """What takes longest is begun first: begun last, it would leave all processes but one with nothing to do."""
    items.sort(key=lambda item: item.get_closest_marker("longest") is None)


def pytest_collection_finish():
    """
    The tests themselves are no garbage: a look for it, which some tests take each, leaves them out.

    There are hundreds of thousands of such objects, and a look among them takes a third of a second.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def logs_go_where_they_went():
    """
    What a test sets up for its own lines does not outlive it.

    Else a later test's handler would write to a standard error that was captured then and is closed now.
    """
    before = structlog.get_config() if structlog.is_configured() else None
    yield
    leave_library_logs()
    styles.set(LogStyle(), {})
    forget_all()
    structlog.reset_defaults()
    if before is not None:
        structlog.configure(**before)


@pytest.fixture(autouse=True)
def nothing_secret_is_told(request, tmp_path_factory):
    """
    Whatever a test is about: no token, and nothing that was said, stands in anything that the runtime has told in it.

    `tests/discretion` hears that. A test that is marked `indiscreet` has it told on purpose.
    """
    base = tmp_path_factory.getbasetemp()
    before = set(base.iterdir())
    if "tmp_path" in request.fixturenames:
        request.getfixturevalue("tmp_path")  # now, or it would be gone before it is looked at
    yield
    found = WATCH.look(set(base.iterdir()) - before)
    if found and not request.node.get_closest_marker("indiscreet"):
        pytest.fail("\n".join(found), pytrace=False)


@pytest.fixture(scope="session")
def sdk_0_1_45() -> Path:
    """The Python of an environment with mycel-sdk 0.1.45."""
    return _peer("sdk-0.1.45")


@pytest.fixture(scope="session")
def sdk_0_1_83() -> Path:
    """The Python of an environment with mycel-sdk and mycel-cli 0.1.83; `cel` lies beside it."""
    return _peer("sdk-0.1.83")


def _peer(name: str) -> Path:
    folder = ROOT / ".venv" / "peers" / name
    python = folder / "bin" / "python"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "installed").exists():
            venv.create(folder, with_pip=True, clear=True)
            install = [str(python), "-m", "pip", "install", "-qq", "--constraint", "constraints.txt"]
            subprocess.run([*install, *PEERS[name]], cwd=ROOT, check=True, timeout=300)
            (folder / "installed").touch()
    return python
