#!/usr/bin/env bash
# tenacity: a retry condition that is not bound to exception types swallows a task's cancellation
#
# Version    tenacity 9.2.1, Python 3.11 to 3.13
# Expected   `task.cancel()` ends a task that waits inside AsyncRetrying: CancelledError is a BaseException, and
#            "retry unless it is a ValueError" reads as a statement about errors.
# Behaviour  AsyncRetrying hands BaseException to the condition. `retry_if_exception_type()` (Exception by default) lets
#            the cancellation out. `retry_if_not_exception_type(ValueError)`, `retry_if_exception(lambda e: True)` and
#            `retry_if_exception_message(match=".*")` take it for a failure: the work is called again, the task goes on
#            to its end, and whoever cancelled it waits in vain.
# For us     Our conditions look at the type first; tests/unit/sdk/test_retrying.py cancels a call and sees it end.
#
# Output seen:
#   retry_if_exception_type: 1 call, cancelled
#   retry_if_not_exception_type: 2 calls, NOT cancelled
#   retry_if_exception: 2 calls, NOT cancelled
#   retry_if_exception_message: 2 calls, NOT cancelled
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check 'tenacity==9.2.1'

cat >"$work/cancel.py" <<'PYTHON'
import asyncio

import tenacity

CONDITIONS = [
    tenacity.retry_if_exception_type(),
    tenacity.retry_if_not_exception_type(ValueError),
    tenacity.retry_if_exception(lambda error: True),
    tenacity.retry_if_exception_message(match=".*"),
]


async def cancel_while_it_works(condition):
    calls = 0

    async def work():
        nonlocal calls
        calls += 1
        await asyncio.sleep(0.2)

    async def retrying():
        await tenacity.AsyncRetrying(retry=condition, stop=tenacity.stop_after_attempt(5))(work)

    task = asyncio.create_task(retrying())
    await asyncio.sleep(0.05)
    task.cancel()
    await asyncio.wait([task], timeout=5)
    return calls, task.cancelled()


for condition in CONDITIONS:
    calls, cancelled = asyncio.run(cancel_while_it_works(condition))
    print(f"{type(condition).__name__}: {calls} call{'s' * (calls > 1)}, {'cancelled' if cancelled else 'NOT cancelled'}")
PYTHON

cat >"$work/expected" <<'TEXT'
retry_if_exception_type: 1 call, cancelled
retry_if_not_exception_type: 2 calls, NOT cancelled
retry_if_exception: 2 calls, NOT cancelled
retry_if_exception_message: 2 calls, NOT cancelled
TEXT
"$work/venv/bin/python" "$work/cancel.py" | tee "$work/seen"
diff "$work/expected" "$work/seen" && echo "as described"
