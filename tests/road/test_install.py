"""What the suites of the road ask for, one script installs."""

from __future__ import annotations

from pathlib import Path

from tests.road.namespaces.network import PACKAGES

INSTALL = Path(__file__).with_name("install.sh")


def test_programs_that_lay_roads_are_installed_with_the_intermediaries():
    assert set(PACKAGES.values()) <= set(INSTALL.read_text().split())
