"""Findings are values: they can be compared, and nobody changes one under another's hand."""

from __future__ import annotations

import dataclasses

import pytest

from mycel_runtime_plugins.missing import Missing


def test_a_finding_is_a_value():
    finding = Missing(what="the package openai", fix='pip install "mycel-runtime[openai]"')

    assert finding == Missing(what="the package openai", fix='pip install "mycel-runtime[openai]"')
    with pytest.raises(dataclasses.FrozenInstanceError):
        finding.fix = "nothing"
