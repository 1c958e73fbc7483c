"""An isolated plugin is known from what its own process says; whatever its import does costs only itself."""

from __future__ import annotations

import json
import os
import re
import sys
import time

import pytest

from mycel_runtime.errors import PluginError, PluginImportError
from mycel_runtime.plugin.pattern import ContentPattern
from mycel_runtime.plugin.registry import load_plugins
from mycel_runtime.plugin.subscription import FrameSubscription, MessageSubscription

pytestmark = pytest.mark.slow

GOOD = """
import json, os, pathlib, sys
from mycel_runtime import Plugin

plugin = Plugin("good")
pathlib.Path(__file__).with_name("pids").open("a").write(f"{os.getpid()}\\n")
{at_import}

@plugin.on_message(chat="group", mention=True, sender="human", pattern="^(?i:a)", on_conflict="drop")
async def answer(ctx): ...

@plugin.on_frame("relationship.*")
def look(ctx): ...
"""


def load(folder, *, at_import="", beside=True, source=GOOD, **table):
    (folder / "good.py").write_text(source.replace("{at_import}", at_import))
    tables = {"good": {"path": "good.py", "isolation": "process"} | table}
    config = folder / "agent.toml"
    config.write_text("[plugins.good]\n")
    loaded = load_plugins(tables | ({"echo": {}} if beside else {}), config)
    if beside:
        assert [handler.id for handler in loaded[1].plugin.handlers] == ["echo.echo"]
    return loaded[0]


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_its_handlers_are_known_without_importing_it(tmp_path):
    loaded = load(tmp_path)

    answer, look = loaded.plugin.handlers
    assert (answer.id, answer.is_async, answer.on_conflict) == ("good.answer", True, "drop")
    assert answer.subscription == MessageSubscription(
        chat="group", mention=True, sender="human", pattern=ContentPattern("^(?i:a)")
    )
    assert (look.id, look.is_async) == ("good.look", False)
    assert look.subscription == FrameSubscription(pattern="relationship.*")
    assert (loaded.origin, loaded.refused) == (str(tmp_path / "good.py"), None)
    (pid,) = map(int, (tmp_path / "pids").read_text().split())
    assert pid != os.getpid()
    assert "mycel_runtime_plugin_good" not in sys.modules
    assert not is_alive(pid)


def test_it_is_asked_with_the_processor_time_of_the_runtime(tmp_path):
    """A process that runs handlers is nice; a nice import on a busy machine would pass its deadline."""
    note = "pathlib.Path(__file__).with_name('nice').write_text(str(os.getpriority(os.PRIO_PROCESS, 0)))"
    loaded = load(tmp_path, at_import=note)

    assert loaded.refused is None
    assert int((tmp_path / "nice").read_text()) == os.getpriority(os.PRIO_PROCESS, 0)


@pytest.mark.parametrize(
    ("at_import", "problem"),
    [
        ("raise SystemExit(1)", "plugin 'good' cannot be imported: SystemExit: 1 (good.py, line 7)"),
        ("import nonexistent_module", "ModuleNotFoundError"),
        ("os._exit(3)", "plugin 'good' ended its process at import (exit status 3)"),
        ("os.kill(os.getpid(), 9)", "plugin 'good' ended its process at import (exit status -9)"),
        ("plugin.on_message(chat='room')", "chat='room' is no filter (good.py, line 7)"),
    ],
)
def test_an_import_that_fails_costs_only_the_plugin(tmp_path, at_import, problem):
    loaded = load(tmp_path, at_import=at_import)

    assert loaded.plugin.handlers == ()
    assert problem in loaded.refused.problem
    assert "line 1: [plugins.good]" in loaded.refused.where
    with pytest.raises(PluginImportError, match=re.escape(problem)):
        load(tmp_path, at_import=at_import, beside=False)


def test_an_import_that_never_ends_is_killed_at_its_deadline_with_all_that_it_started(tmp_path):
    at_import = (
        "import subprocess\n"
        "child = subprocess.Popen(['sleep', '300'])\n"
        "pathlib.Path(__file__).with_name('pids').open('a').write(f'{child.pid}\\n')\n"
        "while True: pass"
    )
    pids, noted = [], tmp_path / "pids"
    for seconds in (3, 12, 48):  # on a busy machine it does not come as far as its child in three
        loaded = load(tmp_path, at_import=at_import, import_timeout=seconds)
        assert loaded.refused.problem == f"plugin 'good' was not imported within {seconds} s"
        pids += [int(pid) for pid in noted.read_text().split()] if noted.exists() else []
        if len(pids) >= 2:
            break
    assert len(pids) >= 2
    deadline = time.monotonic() + 20
    # The child is an orphan, and whoever adopts it may take a moment to bury it.
    while any(_runs(pid) for pid in pids):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _runs(pid):
    try:
        with open(f"/proc/{pid}/stat") as stat:  # noqa: PTH123 - it may be gone between two looks
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize(
    "at_import",
    [
        "print('{not a line}'); print(json.dumps({'refused': 'x'}), flush=True)",
        "os.write(1, b'garbage')",
        "import threading, time; threading.Thread(target=time.sleep, args=(300,)).start()",
    ],
    ids=["prints", "writes", "leaks a thread"],
)
def test_what_an_import_prints_or_leaves_behind_does_not_matter(tmp_path, at_import):
    loaded = load(tmp_path, at_import=at_import, import_timeout=60)

    assert loaded.refused is None
    assert len(loaded.plugin.handlers) == 2


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ({"path": "gone.py"}, "no such file"),
        ({"import_timeout": 0}, "import_timeout = 0 is none"),
        ({"import_timeout": "long"}, "import_timeout = 'long' is none"),
        ({"source": "x = 1"}, "not a Plugin"),
        ({"source": "from mycel_runtime import Plugin\nplugin = Plugin('mine')"}, "has no handlers"),
    ],
)
def test_a_mistake_in_the_configuration_ends_the_start(tmp_path, table, problem):
    with pytest.raises(PluginError, match=problem) as caught:
        load(tmp_path, **table)

    assert not isinstance(caught.value, PluginImportError)


def test_several_are_asked_side_by_side(tmp_path):
    """Each waits at import until all are there: one after the other would never get on."""
    meet = (
        "pathlib.Path(__file__).with_suffix('.here').touch()\n"
        "import time\n"
        "while len(list(pathlib.Path(__file__).parent.glob('*.here'))) < 3: time.sleep(0.01)"
    )
    names = ["one", "two", "three"]
    for name in names:
        (tmp_path / f"{name}.py").write_text(GOOD.replace("{at_import}", meet).replace('"good"', f'"{name}"'))
    tables = {name: {"path": f"{name}.py", "isolation": "process", "import_timeout": 60} for name in names}

    loaded = load_plugins(tables, tmp_path / "agent.toml")

    assert [plugin.plugin.name for plugin in loaded] == names
    assert [plugin.refused for plugin in loaded] == [None] * 3


def test_secrets_of_the_runtime_are_not_in_its_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("MYCEL_RUNTIME_AGENT__TOKEN", "secret")
    monkeypatch.setenv("NOTIFY_SOCKET", "/nowhere")
    load(
        tmp_path,
        at_import="pathlib.Path(__file__).with_name('environment').write_text(json.dumps(dict(os.environ)))",
    )

    seen = json.loads((tmp_path / "environment").read_text())
    assert "PATH" in seen
    assert not {"MYCEL_RUNTIME_AGENT__TOKEN", "NOTIFY_SOCKET"} & set(seen)
