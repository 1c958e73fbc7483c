"""
Lets every journal of a run of pytest be the slow one, those of daemons and commands that its tests start included.

    python -m pytest -p tests.engines.slow tests/integration/speech tests/acceptance

One test of the kit fails then, `test_nothing_is_waited_for_that_cannot_come`: thirty looks at the journal must fit
between two reconciles of half a second.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SITE = Path(__file__).parent / "site"

# For processes to come; this one is changed at once, before whoever imports the engine by name.
os.environ["PYTHONPATH"] = os.pathsep.join([str(SITE), str(ROOT), os.environ.get("PYTHONPATH", "")])
sys.path.insert(0, str(SITE))
__import__("sitecustomize" if "sitecustomize" not in sys.modules else "tests.engines.site.sitecustomize")
