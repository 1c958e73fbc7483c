"""No method of the genuine clients goes unheard."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.peers

FAMILY = re.compile(r'f"(relationships)\.\{verb\}"')


def test_every_method_of_the_genuine_clients_is_called_here(client):
    sources = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))
    called = set(re.findall(r'"([a-z]+\.[a-z_]+|backend_info)"', sources))
    called |= {f"{group}.{verb}" for group in FAMILY.findall(sources) for verb in ("approve", "reject")}
    if ".stream(" in sources:
        called.add("notifications.stream")
    assert set(client.order(methods=True)) - called == set()
