"""
Lets every journal of a run of pytest be the slow one, those of daemons and commands that its tests start included.

    python -m pytest -p tests.engines.slow tests/integration/speech tests/acceptance

Three tests fail then, which are about the embedded engine: of the kit `test_nothing_is_waited_for_that_cannot_come`,
because thirty looks at the journal must fit between two reconciles of half a second, and the bound on calls of
`testing/test_cost.py`; of the inbox `test_who_is_woken_claims_in_the_commit_that_made_the_work_due`.
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
