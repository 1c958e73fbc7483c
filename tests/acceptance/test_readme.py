"""The front door and the guides: whoever follows them from top to bottom gets what stands there."""

from __future__ import annotations

import functools
import os
import shlex
import subprocess
import sys
import sysconfig
import time
import tomllib
from pathlib import Path
from typing import Final

import pytest

from mycel_runtime.plugin.registry import load_plugins
from mycel_runtime.settings import load_settings
from tests.acceptance.conftest import DEADLINE, ROOT
from tests.acceptance.terminal import Terminal
from tests.acceptance.walk import Walk, contains_shown, is_as_shown, make_clone
from tests.guide import blocks, commands, guides, section

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]

BIN = Path(sys.executable).parent
README, PLUGINS, TEMPLATE, SYSTEMD, SDK, TESTS, TOOLS = (
    ROOT / name
    for name in (
        "README.md",
        "plugins/README.md",
        "plugins/template/README.md",
        "systemd/README.md",
        "mycel_runtime/sdk/README.md",
        "tests/README.md",
        "mycel_runtime/mcp_server/README.md",
    )
)

BUNDLED: Final = sorted((ROOT / "plugins/mycel_runtime_plugins").glob("*/README.md"))
"""Of the bundled plugins, each followed by the `test_page.py` of its own tests."""


@pytest.fixture
def terminal():
    """Opens terminals."""
    opened = []

    def open_terminal(command, cwd, environment=None):
        opened.append(Terminal(command, cwd, environment))
        return opened[-1]

    yield open_terminal
    for each in reversed(opened):
        each.close()


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """The checkout in a path with a space, on an environment that is installed already."""
    folder = make_clone(tmp_path_factory.mktemp("somewhere") / "a clone")
    (folder / ".venv").symlink_to(BIN.parent)
    (BIN.parent / "installed").touch()
    return folder


@pytest.fixture(scope="module")
def installed(clone):
    """
    What the README's first two commands of *Installation* make.

    Nothing is downloaded: what mycel-runtime needs is taken from the environment of the tests, so its Python is the
    one for it, whatever `python3` is here.
    """
    place = clone.parent / "mycel"
    names = {"~/mycel": str(place), "python3 -m venv": f"{shlex.quote(sys.executable)} -m venv"}
    for written, _ in section(README, "Installation")[:2]:
        command = functools.reduce(lambda text, name: text.replace(name, names[name]), names, written)
        done = subprocess.run(
            ["sh", "-c", command],
            cwd=clone,
            env=os.environ | OFFLINE,
            capture_output=True,
            text=True,
            timeout=280,
            check=False,
        )
        assert done.returncode == 0, f"$ {command}\n{done.stdout}{done.stderr}"
    return place


OFFLINE = {
    "PYTHONPATH": sysconfig.get_path("purelib"),
    "PIP_NO_INDEX": "1",
    "PIP_NO_DEPS": "1",
    "PIP_IGNORE_INSTALLED": "1",
    "PIP_NO_BUILD_ISOLATION": "0",  # pip reads "no" and "0" as: no isolation
}


@pytest.fixture
def walk(terminal, tmp_path):
    """Makes somebody who follows a guide."""
    walks = []

    def make(folder, names=(), **environment):
        home = {"HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path / "state")}
        path = {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
        walks.append(Walk(folder, terminal, home | path | environment, names))
        return walks[-1]

    yield make
    for each in walks:
        each.stop()


def test_blocks_of_guides_that_nobody_follows_do_not_exist():
    """A guide with commands or code is walked below, or run by `tests/contract/sdk/test_documentation.py`."""
    followed = {README, PLUGINS, TEMPLATE, SYSTEMD, SDK, TESTS, TOOLS, *BUNDLED}
    alive = {path for path in guides() if any(block.language != "mermaid" for block in blocks(path))}
    assert alive == followed
    assert {block.language for block in blocks(SDK)} == {"python"}
    pages = [ROOT / "tests/plugins" / path.parent.name / "test_page.py" for path in BUNDLED]
    assert [page for page in pages if not page.exists()] == []


def test_python_of_the_guides_is_what_a_type_checker_accepts(tmp_path):
    for path, prefix in ((README, "front_"), (PLUGINS, ""), (TOOLS, "tools_")):
        for block in blocks(path):
            if block.language == "python":
                assert block.file, f"{block}: name the file in the sentence before"
                (tmp_path / f"{prefix}{block.file}").write_text(block.text)
    command = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", str(tmp_path)]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=os.environ | {"MYPYPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )

    assert done.returncode == 0, done.stdout


def test_toml_of_the_guides_is_what_the_daemon_accepts(tmp_path):
    for path in (README, PLUGINS, SYSTEMD, TOOLS):
        for block in blocks(path):
            if block.file is not None:
                (tmp_path / block.file).write_text(block.text)
            if block.language == "toml" and block.file != "pyproject.toml":
                settings = load_settings(tmp_path / block.file)
                assert load_plugins(settings.plugins, tmp_path / block.file)


def test_the_front_page_does_what_it_says(walk, clone, installed, tmp_path):
    """From `make run` to an installation, in the order of the page."""
    front, own = (
        [block for block in blocks(README) if condition(block)]
        for condition in (
            lambda block: block.language == "console" and block.text.startswith(("$ make", "$ .venv")),
            lambda block: block.file is not None or "agent.toml" in block.text,
        )
    )
    checkout = walk(clone)
    checkout.follow(front)
    checkout.stop()
    walk(tmp_path).follow(own)
    version = walk(tmp_path, **OFFLINE).do(f"{installed}/bin/mycel-runtime version")
    assert is_as_shown(version.stdout, section(README, "Installation")[2][1])
    assert len(front) + len(own) + 1 == len([b for b in blocks(README) if b.language != "mermaid"])


def test_make_test_runs_all_checks_in_order(clone):
    """This test is run by it; here only what it would do, in the order that CI relies on."""
    plan = subprocess.run(
        ["make", "--no-print-directory", "-n", "test"],
        cwd=clone,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=True,
    ).stdout

    steps = ["ruff format --check", "ruff check", "-m mypy", "lint-imports", "-m pytest"]
    places = [plan.index(step) for step in steps]
    assert places == sorted(places)


@pytest.mark.longest
def test_the_authors_guide_does_what_it_says(walk, tmp_path, free_tcp_port):
    walker = walk(tmp_path, {"8042": str(free_tcp_port)})
    walker.follow(blocks(PLUGINS))
    walker.stop()


def test_all_plugins_of_the_authors_guide_answer(walk, tmp_path):
    walker = walk(tmp_path)
    walker.follow([block for block in blocks(PLUGINS) if block.file is not None])
    running = walker.start("mycel-runtime run --config all.toml", [])
    walker.do('mycel-runtime send --config all.toml "hello"')
    running.read_until(lambda text: text.count("message.sent") == 8)

    said = walker.do("mycel-runtime read --config all.toml").stdout
    for answer in (
        "You and me.",
        "The second attempt.",
        "Welcome!",
        "messages so far.",
        "I could not answer",
        "lines of this chat.",
        "Day 1, at the counter.",
    ):
        assert answer in said


def test_packaging_of_the_authors_guide_is_found_at_the_door():
    (project,) = (tomllib.loads(block.text) for block in blocks(PLUGINS) if block.file == "pyproject.toml")
    (points,) = project["project"]["entry-points"].values()
    assert set(project["project"]["entry-points"]) == {"mycel_runtime.plugins"}
    assert points == {"greeter": "greeter:plugin"}


FIVE: Final = (
    "mycel-runtime plugins new weather",
    "cd weather",
    "pytest",
    "mycel-runtime run",
    "mycel-runtime send",
)
"""All that a stranger types, or what it begins with."""


def test_a_stranger_has_an_agent_of_his_own_after_five_commands(walk, tmp_path):
    """A new plugin, three of its lines changed, its tests, its agent, a word with it: as its own README says."""
    began = time.monotonic()
    made = walk(tmp_path).do(FIVE[0])
    assert made.returncode == 0, made.stderr
    folder = tmp_path / "weather"
    changed = replace_lines(folder / "weather/handlers.py", '"You said"', '"It rains, says"')
    changed += replace_lines(folder / "tests/test_handlers.py", '"You said: ', '"It rains, says: ')
    assert changed == 3

    guide = blocks(folder / "README.md")
    typed = [command for block in guide for command, _ in commands(block)]
    assert [command.startswith(word) for command, word in zip(typed, FIVE[2:], strict=True)] == [True] * 3
    stranger = walk(folder, {"You said: ": "It rains, says: "})
    stranger.follow(guide)
    stranger.stop()
    print(f"from nothing to an answer: {time.monotonic() - began:.1f} s")


def replace_lines(path, old, new):
    """How many lines were changed."""
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(line.replace(old, new) for line in lines))
    return sum(old in line for line in lines)


def test_the_operators_guide_does_what_it_says(walk, clone, installed, tmp_path, household):
    """With a stand-in for systemd that starts the unit's program as the unit says."""
    tools = tmp_path / "tools"
    tools.mkdir()
    # By a shell, because a path with a space in it names no interpreter.
    stand_in = shlex.join([sys.executable, str(SYSTEMCTL)])
    (tools / "systemctl").write_text(f'#!/bin/sh\nexec {stand_in} "$@"\n')
    (tools / "systemctl").chmod(0o755)
    names = {
        "http://127.0.0.1:8042": household.base_url,
        "/opt/mycel-runtime": str(installed),
        "/etc/": f"{tmp_path}/etc/",
        "/var/lib/": f"{tmp_path}/var/",
        "/usr/": f"{tmp_path}/usr/",
    }
    path = os.pathsep.join([str(tools), f"{installed}/bin", os.environ["PATH"]])
    walker = walk(clone, names, **OFFLINE, PATH=path, SANDBOX=str(tmp_path))
    look_into(tmp_path, installed)
    pip = f"{installed}/bin/pip install"
    walker.done |= {
        f"python3 -m venv {installed} && {pip} --constraint constraints.txt .",
        f"{pip} --upgrade --constraint constraints.txt .",
        f"{pip} --constraint constraints.txt '.[postgres]'",
    }
    try:
        walker.follow(blocks(SYSTEMD))
    finally:
        for name in ("mycel-runtime-codex-a", "mycel-runtime-agents"):
            walker.do(f"systemctl stop {name}")


def look_into(root, installed):
    """Let the installed copy look there for what it has below /var/lib and /etc."""
    for module, folder, ours in (
        ("daemon/state_dir.py", "/var/lib/mycel-runtime", "var/mycel-runtime"),
        ("units/places.py", "/etc/mycel-runtime", "etc/mycel-runtime"),
        ("units/installed.py", "/etc/systemd/system", "etc/systemd/system"),
        ("setup/unit_file.py", "/etc/systemd/system", "etc/systemd/system"),
        # No systemd of this machine is told of it.
        ("setup/unit_file.py", "/run/systemd/system", "run/systemd/system"),
    ):
        (code,) = installed.glob(f"lib/python*/site-packages/mycel_runtime/{module}")
        assert f'"{folder}"' in code.read_text()
        code.write_text(code.read_text().replace(f'"{folder}"', f'"{root / ours}"'))


SYSTEMCTL = Path(__file__).with_name("systemctl.py")


@pytest.mark.longest
def test_the_page_of_the_tools_does_what_it_says(walk, tmp_path):
    walker = walk(tmp_path)
    walker.follow(blocks(TOOLS))
    walker.stop()


def test_commands_of_the_tests_guide_exist(walk, clone):
    walk(clone).follow(blocks(TESTS))


@pytest.mark.parametrize(
    ("printed", "shown", "verdict"),
    [
        ("a\n", ["a"], True),
        ("a\n", ["b"], False),
        ("a\nb\n", ["a"], False),
        ("a\nb\n", ["a", "…"], True),
        ("pid 7, up\n", ["pid …, up"], True),
        ("", [], True),
        ("a\n", [], False),
        ("a\n", ["…"], True),
    ],
)
def test_another_output_would_be_noticed(printed, shown, verdict):
    assert is_as_shown(printed, shown) is verdict


def test_a_line_that_is_missing_among_others_would_be_noticed():
    assert contains_shown("noise\na 1\nb\n", ["a …", "b"])
    assert not contains_shown("b\na\n", ["a", "b"])
