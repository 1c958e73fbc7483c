"""Whatever happens in whatever order: one reply each, none twice, none out of turn, and no doubt unlisted."""

from __future__ import annotations

import pytest

from tests.integration.speech.crashes import CrashMachine

# The time of shrinking a failure; else it takes some seconds.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
TestCrashes = CrashMachine.TestCase
