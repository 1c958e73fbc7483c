"""Plugins that are files import what is beside them, and can be found by processes that they spawn."""

from __future__ import annotations

import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest

from mycel_runtime.errors import PluginError
from mycel_runtime.plugin.loading import import_plugin

SOURCE = """
from mycel_runtime import Plugin
{imports}

plugin = Plugin("p")

@plugin.on_message
async def answer(ctx): ...

def square(number):
    return number * number
"""


@pytest.fixture(autouse=True)
def module_path():
    """What a test's plugins add to it is taken back."""
    path, modules = list(sys.path), set(sys.modules)
    yield
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        del sys.modules[name]


def load(folder, file, imports=""):
    folder.mkdir(exist_ok=True)
    (folder / file).write_text(SOURCE.format(imports=imports))
    imported = import_plugin("p", {"path": file}, folder / "agent.toml")
    return sys.modules[imported.plugin.handlers[0].function.__module__]


def test_a_module_beside_it_can_be_imported_also_later(tmp_path):
    (tmp_path / "beside_it.py").write_text("value = 1")
    (tmp_path / "a_package").mkdir()
    (tmp_path / "a_package" / "__init__.py").write_text("from beside_it import value")
    late = "def late():\n    import later_beside_it\n    return later_beside_it.value"
    (tmp_path / "later_beside_it.py").write_text("value = 2")

    module = load(tmp_path, "handlers.py", f"import a_package, beside_it\n{late}")

    assert (module.beside_it.value, module.a_package.value, module.late()) == (1, 1, 2)


def test_a_module_beside_it_hides_none_of_the_runtimes(tmp_path):
    (tmp_path / "queue.py").write_text("raise AssertionError")
    folders = len(sys.path)

    load(tmp_path, "handlers.py")
    load(tmp_path, "more_handlers.py")

    assert sys.path[folders:] == [str(tmp_path)]
    assert not __import__("queue").__file__.startswith(str(tmp_path))


@pytest.mark.parametrize("name", ["queue", "a_package"])
def test_what_it_would_import_instead_of_what_is_beside_it_is_told_at_the_start(tmp_path, name):
    one, other = tmp_path / "one", tmp_path / "other"
    for folder in (one, other):
        (folder / "a_package").mkdir(parents=True)
        (folder / "a_package" / "__init__.py").write_text("")
        (folder / "queue.py").write_text("")
    load(one, "handlers.py", "import a_package")

    with pytest.raises(
        PluginError, match=rf"`import {name}` finds .*{name}.*, not the {name} beside it"
    ) as caught:
        load(other, "handlers.py", f"def late():\n    from {name} import x")

    assert "Rename" in caught.value.fix


def test_files_of_one_name_and_one_file_twice_are_modules_of_their_own(tmp_path):
    modules = [load(tmp_path / folder, "handlers.py") for folder in ("one", "other", "other")]

    assert len({id(module) for module in modules}) == 3
    assert modules[0].__name__ == "handlers"
    assert [module.__file__ for module in modules] == [
        str(tmp_path / folder / "handlers.py") for folder in ("one", "other", "other")
    ]


def test_a_file_whose_import_fails_leaves_no_module(tmp_path):
    with pytest.raises(PluginError, match="ZeroDivisionError"):
        load(tmp_path, "handlers.py", "1 / 0")

    assert "handlers" not in sys.modules


@pytest.mark.slow
def test_a_spawned_process_finds_its_functions(tmp_path):
    """Under a plain name, and where the name is taken, is none, or the file is loaded once more."""
    modules = [
        load(tmp_path, file) for file in ("handlers.py", "handlers.py", "queue.py", "my-handlers.v2.py")
    ]

    with ProcessPoolExecutor(max_workers=1, mp_context=get_context("spawn")) as pool:
        assert [pool.submit(module.square, 3).result(60) for module in modules] == [9] * 4
