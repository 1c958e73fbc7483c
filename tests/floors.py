"""
The oldest versions that pyproject.toml names, as constraints for pip.

    python -m tests.floors [EXTRA ...] > constraints

`make floors` makes an environment of them and runs the tests there: what is promised to somebody whose other packages
keep ours back must hold. What comes along with them is as new as they let it be.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

FLOOR = re.compile(r"(?P<name>[\w.-]+)(\[[\w,]+\])?>=(?P<version>[\w.]+)")


def floors(project: dict, extras: list[str]) -> list[str]:
    """A line for each requirement with a floor, `name==version.*`, sorted; most have no release of just that name."""
    requirements = list(project["dependencies"])
    for extra in extras:
        requirements += project["optional-dependencies"][extra]
    found = (FLOOR.match(requirement) for requirement in requirements)
    return sorted({f"{match['name']}=={match['version']}.*" for match in found if match})


if __name__ == "__main__":
    pyproject = Path(__file__).parents[1] / "pyproject.toml"
    print("\n".join(floors(tomllib.loads(pyproject.read_text())["project"], sys.argv[1:])))
