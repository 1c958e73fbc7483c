"""What is packed: the wheel holds all that the runtime reads, the sdist all that the checkout holds."""

from __future__ import annotations

import tarfile
from pathlib import Path
from typing import Final

import pytest
from hatchling.builders.sdist import SdistBuilder
from hatchling.builders.wheel import WheelBuilder

from tests.architecture.test_house_rules import files

ROOT: Final = Path(__file__).parents[2]

MADE_BY_TOOLS: Final = ("__pycache__", ".pyc")


@pytest.fixture(scope="module")
def checkout():
    """Every file of the project, relative to its root."""
    return {str(path.relative_to(ROOT)) for path in files() if not path.name.endswith(MADE_BY_TOOLS)}


@pytest.mark.slow
def test_sdist_is_the_checkout(checkout, tmp_path):
    """Whoever has it can run everything: guides, units, tests and CI."""
    (archive,) = SdistBuilder(str(ROOT)).build(directory=str(tmp_path))
    with tarfile.open(archive) as packed:
        here = {name.partition("/")[2] for name in packed.getnames()}
    assert sorted(checkout ^ (here - {"PKG-INFO"})) == []


def test_wheel_holds_both_packages_the_template_and_the_units_and_nothing_else(checkout):
    """SQL, `py.typed`, the guides beside the code and new plugins are read from an installation too."""
    here = {
        file.distribution_path: file.relative_path
        for file in WheelBuilder(str(ROOT)).recurse_included_files()
        if not file.relative_path.endswith(MADE_BY_TOOLS)
    }
    expected = {
        name.removeprefix("plugins/"): name
        for name in checkout
        if name.startswith(("mycel_runtime/", "plugins/mycel_runtime_plugins/"))
    }
    moved = {
        name.replace("plugins/", "mycel_runtime_plugins/", 1) for name in checkout if "/template/" in name
    }
    templates = ("systemd/mycel-runtime@.service", "systemd/mycel-runtime-agents.service")
    drop_ins = {f"mycel_runtime/{name}" for name in checkout if name.startswith("systemd/agents/")}
    assert moved
    assert drop_ins
    units = {f"mycel_runtime/{template}": template for template in templates}
    assert expected | units | {name: name for name in moved | drop_ins} == here
    assert {Path(name).suffix for name in here} >= {".py", ".sql", ".typed", ".md"}
